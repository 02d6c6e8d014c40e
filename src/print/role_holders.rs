//! 管理体制の届出 (第3条③): who holds which role. Kura knows accounts; names are written by hand.

use crate::domain::account::AccountId;
use crate::domain::calendar::wareki;
use crate::domain::role::Role;
use crate::domain::time::Day;
use crate::paper::Paper;
use crate::workflows::desk::tokyo;

/// The paper.
pub fn page(holders: &[(Role, AccountId)], (addressee, sender): (&str, &str), made_on: Day) -> Paper {
    let is_person = |role: &Role| !matches!(role, Role::Portal);
    let rows = holders.iter().filter(|(role, _)| is_person(role)).map(|(role, account)| {
        vec![
            role.japanese().to_owned(),
            account.to_string(),
            "　　　　　　　　　　".to_owned(),
            String::new(),
        ]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    // Rack keys are kept by a person whom Kura does not know.
    rows.push(vec!["鍵管理者（ラック等の鍵）".to_owned(), "－".to_owned(), String::new(), String::new()]);
    let mut paper = Paper::new("管理体制の届出書", tokyo().start_of(made_on));
    paper.right(&wareki(made_on));
    paper.text(&format!("{addressee}　様"));
    paper.right(&format!("{sender}\n運用管理責任者　　　　　　　　　　㊞"));
    paper.title("管理体制の届出書");
    paper.text(
        "はち丸ネットワーク運用管理のセキュリティポリシー第3条第3項により、管理体制を次のとおり届け出ます。",
    );
    paper.list("役割とその担当者", &["役割", "アカウント", "氏名", "備考"], rows);
    paper.text("氏名は Kura に記録していません。アカウントの持ち主を確かめて、手で記入してください。");
    paper
}
