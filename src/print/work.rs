//! A record of work (受入・維持管理記録: 第10条, 第19条, 第20条), to print and file.

use crate::domain::calendar::wareki;
use crate::domain::incident_words::moment;
use crate::domain::time::Instant;
use crate::paper::Paper;
use crate::workflows::desk::tokyo;
use crate::workflows::works::WorkShown;

/// The paper.
pub fn page(shown: &WorkShown, now: Instant) -> Paper {
    let (row, zone) = (&shown.row, tokyo());
    let at = |at: Option<Instant>| at.map_or_else(|| "－".to_owned(), |at| moment(at, &zone));
    let or_none = |text: &str| if text.is_empty() { "－".to_owned() } else { text.to_owned() };
    let closed = row.closed.as_ref();
    let facts = [
        ("記録番号", row.work.clone()),
        ("種別", row.kind.japanese().to_owned()),
        ("件名", row.title.clone()),
        ("リリース・作業番号", or_none(&row.reference)),
        ("予定日", wareki(row.planned_on)),
        ("停止を伴う実施時間帯", row.window.clone().unwrap_or_else(|| "なし".to_owned())),
        ("作業前の版", or_none(&row.before_version)),
        ("作業後の版", or_none(&row.after_version)),
        ("作業の開始", at(row.begun_at)),
        ("作業の終了", at(row.done_at)),
        ("状態", row.state.japanese().to_owned()),
        (
            "記録の完了",
            closed.map_or_else(|| "－".to_owned(), |(at, by)| format!("{}（{by}）", moment(*at, &zone))),
        ),
        ("備考", or_none(&row.remarks)),
    ];
    let points = shown.points.iter().map(|point| {
        let (tick, who) = point.ticked.as_ref().map_or_else(
            || ("□".to_owned(), "－".to_owned()),
            |(at, by)| ("■".to_owned(), format!("{by}　{}", moment(*at, &zone))),
        );
        vec![tick, point.article.clone(), point.text.clone(), who, or_none(&point.remark)]
    });
    let results = shown.results.iter().map(|result| {
        let size = format!("{} バイト", result.bytes);
        vec![result.title.clone(), format!("SHA-256 {}", result.sha256), size, moment(result.added.0, &zone)]
    });
    let backups = shown.requests.iter().map(|request| {
        let digest = request.snapshot.map_or_else(|| "－".to_owned(), |digest| digest.to_string());
        let state = match request.state.word() {
            "done" => "取得済み（読み戻して照合済み）",
            "partial" => "一部未取得",
            "failed" => "失敗",
            _ => "取得待ち",
        };
        vec![
            request.request.clone(),
            request.plan.clone(),
            moment(request.requested_at, &zone),
            if shown.is_early(request) {
                format!("{state}（作業の終了前に依頼）")
            } else {
                state.to_owned()
            },
            digest,
        ]
    });
    let mut paper = Paper::new(&format!("受入・維持管理記録 {}", row.work), now);
    paper.title("受入・維持管理記録");
    paper.fields("作業", facts);
    paper.list("チェック項目", &["", "条項", "項目", "確認者・日時", "所見"], points);
    paper.list("添付した試験結果", &["名称", "ダイジェスト", "大きさ", "添付日時"], results);
    paper.list(
        "この作業のためのバックアップ",
        &["番号", "計画", "依頼日時", "結果", "スナップショット"],
        backups,
    );
    paper.text(
        "作業後の完全なバックアップ（第19条④、第20条③）がそろうまで、受入と維持管理の記録は完了できません。",
    );
    let seal = || "　　　　　　　　　　　　　㊞".to_owned();
    paper.form([("システム管理者", seal()), ("運用管理責任者", seal())]);
    paper
}
