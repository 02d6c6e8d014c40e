//! What a notice says, and who says it.

/// The words of a notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// 件名.
    pub title: String,
    /// The body: one field a line.
    pub body: String,
    /// The title in English.
    pub title_en: String,
    /// The body in English.
    pub body_en: String,
}

impl Words {
    /// The same for what was announced and is over: its title no longer says that it lies ahead.
    #[must_use]
    pub fn over(self) -> Self {
        let title = self.title.replacen("【予告】", "【終了】", 1);
        let planned = ["Planned: ", "Notice: "].iter().find_map(|word| self.title_en.strip_prefix(word));
        let title_en = planned.map_or_else(|| self.title_en.clone(), |rest| format!("Over: {rest}"));
        Self { title, title_en, ..self }
    }
}

/// Who speaks, and whom to ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender {
    /// The system's name, as users know it.
    pub service: String,
    /// お問い合わせ先.
    pub contact: String,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            service: "はち丸ネットワーク".to_owned(),
            contact: "ヘルプデスク　月～金 9:00～17:00（祝祭日、12月29日～1月3日を除く）".to_owned(),
        }
    }
}

/// The newest snapshot and the newest line of the audit log, each as number and the beginning of its digest:
/// `41:04edb833ffe1a2b3`. Short enough to be read out, long enough that nobody finds another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heads {
    /// The snapshot, if there is one.
    pub snapshot: Option<String>,
    /// The line of the audit log, if there is one.
    pub audit: Option<String>,
}

impl Heads {
    /// How a notice says it, in both languages.
    pub(super) fn remark(&self) -> (String, String) {
        let none = |head: &Option<String>| head.clone().unwrap_or_else(|| "-".to_owned());
        let (snapshot, audit) = (none(&self.snapshot), none(&self.audit));
        (
            format!("控え　スナップショット {snapshot}　監査記録 {audit}"),
            format!("snapshot {snapshot}, audit log {audit}"),
        )
    }
}
