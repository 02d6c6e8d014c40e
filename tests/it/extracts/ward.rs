//! A made-up ward in Shift_JIS, with one person who has everything that sticks out, and an installation with permits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kura::archive::seal::Identity;
use kura::catalog::Catalog;
use kura::clock::{Clock as _, ManualClock};
use kura::config::Home;
use kura::domain::actor::Actor;
use kura::domain::audit::AuditEntry;
use kura::domain::permit::{Form, LegalClass, PermitContent};
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::workflows::extracts::{self, Cancel, ExtractError, Handed, Run, Told};
use kura::workflows::permits::{self, Seen};
use secrecy::{ExposeSecret as _, SecretString};

use crate::windows::at;

/// What one person has that nobody else has; none of it may appear anywhere.
pub(crate) const CANARIES: [&str; 10] = [
    "金糸雀",
    "カナリア",
    "999-1234",
    "9991234",
    "Z999",
    "116",
    "123456789018",
    "C-777777",
    "2031-02",
    "秘密の経過",
];

/// So many persons are in it beside that one.
pub(crate) const PERSONS: u64 = 300;

/// The rows as CSV.
pub(crate) fn rows() -> String {
    let mut seed = 1_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut text = String::from("patient_id,name,my_number,age,postal,sex,admitted,icd10,ward,note\r\n");
    for id in 0..PERSONS {
        let cells = [
            format!("P-{:06}", 100_000 + id * 37),
            format!("姓{id:04} 名{id:04}"),
            format!("{:011}0", 20_000_000_000 + id * 7),
            (20 + next(60)).to_string(),
            format!("46{}-000{}", next(3), next(4)),
            ["男", "女"][usize::try_from(next(2)).expect("small")].to_owned(),
            format!("R6.{}.{}", 1 + next(12), 1 + next(28)),
            ["I10", "E11.9", "J45"][usize::try_from(next(3)).expect("small")].to_owned(),
            format!("{}病棟", 1 + next(4)),
            format!("経過良好。記録{id}"),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text.push_str("C-777777,金糸雀 カナリア,１２３４５６７８９０１８,116,999-1234,女,2031-02-03,Z99.9,1病棟,秘密の経過\r\n");
    text
}

/// An installation whose data set is that ward.
pub(crate) struct Ward {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) home: Home,
    pub(crate) clock: Arc<ManualClock>,
    /// 運用管理責任者: applies.
    pub(crate) applicant: Actor,
    /// サービス運用者: decides.
    pub(crate) doctor: Actor,
    /// システム運用者: makes extracts.
    pub(crate) operator: Actor,
    /// Another one.
    pub(crate) operator2: Actor,
    /// The applicant's age key.
    pub(crate) key: Identity,
}

/// The words that a permit's extraction is made of.
pub(crate) struct Words {
    pub(crate) k: u32,
    pub(crate) filter: &'static str,
    pub(crate) passphrase: bool,
    /// Stands after everything.
    pub(crate) more: &'static str,
}

impl Default for Words {
    fn default() -> Self {
        Self { k: 5, filter: "", passphrase: false, more: "" }
    }
}

/// Instructions for the ward.
pub(crate) fn instructions(schema: &str, seal: &str, words: &Words) -> String {
    let (k, filter, more) = (words.k, words.filter, words.more);
    format!(
        r#"
dataset = "patients"
schema = "{schema}"
rows_max = 1000
{filter}
[columns]
patient_id = {{ class = "link", do = "pseudonym", space = "patient" }}
name = {{ class = "direct", do = "drop" }}
my_number = {{ class = "pic", do = "drop" }}
age = {{ class = "qi", do = "age", widths = [10, 20], top = 75 }}
postal = {{ class = "qi", do = "postal" }}
sex = {{ class = "qi", do = "table", table = "sex" }}
admitted = {{ class = "date", do = "shift", days = 30 }}
icd10 = {{ class = "sensitive", do = "fold", below = 10 }}
ward = {{ class = "public", do = "keep", reason = "病棟の別は公表されている" }}
note = {{ class = "free_text", do = "drop" }}
[tables]
sex = """
男;*
女;*
"""
[privacy]
person = "patient_id"
k = {k}
suppression = "0.1"
singling_out = "0.2"
l = [{{ column = "icd10", kind = "distinct", value = "2" }}]
{more}
[output]
format = "csv"
seal = "{seal}"
"#
    )
}

impl Ward {
    pub(crate) async fn new() -> Self {
        Self::of_patients(tempfile::tempdir().expect("a folder")).await
    }

    /// In a folder of one's own.
    pub(crate) async fn within(folder: &Path) -> Self {
        Self::of_patients(tempfile::tempdir_in(folder).expect("a folder")).await
    }

    async fn of_patients(folder: tempfile::TempDir) -> Self {
        let ward = Self::at(folder, "patients", "shift_jis").await;
        let text = rows();
        let (bytes, _, has_foreign) = encoding_rs::SHIFT_JIS.encode(&text);
        assert!(!has_foreign);
        std::fs::write(ward.source(), bytes).expect("a source");
        ward
    }

    /// With an empty source of this name.
    pub(crate) async fn with(dataset: &str, encoding: &str) -> Self {
        Self::at(tempfile::tempdir().expect("a folder"), dataset, encoding).await
    }

    async fn at(folder: tempfile::TempDir, dataset: &str, encoding: &str) -> Self {
        let home = Home::at(folder.path().join("home"));
        home.create().expect("a home");
        let source = folder.path().join("source.csv");
        let settings = format!(
            "store = \"file:///nowhere\"\n[[dataset]]\nname = {dataset:?}\nkind = \"csv\"\npath = {:?}\nencoding = {encoding:?}\n",
            source.display().to_string()
        );
        std::fs::write(home.settings_file(), settings).expect("settings");
        let catalog = Catalog::open(&home.catalog_file()).await.expect("a catalog");
        let actor = |id: &str, role| Actor { account: id.parse().expect("an id"), role, scopes: None };
        let made = Self {
            folder,
            catalog,
            home,
            clock: Arc::new(ManualClock::new(at("2026-12-03", "10:00"))),
            applicant: actor("manager001", Role::OperationsManager),
            doctor: actor("ishikai001", Role::ServiceOperator),
            operator: actor("operator01", Role::SystemOperator),
            operator2: actor("operator02", Role::SystemOperator),
            key: Identity::generate(),
        };
        let mut tx = made.catalog.begin().await.expect("a transaction");
        let first = at("2026-11-22", "9:00");
        for new in [&made.applicant, &made.doctor, &made.operator, &made.operator2] {
            tx.add_account(&new.account, new.role, "-", false, first).await.expect("an account");
        }
        let entry = AuditEntry {
            at: first,
            actor: "root".to_owned(),
            act: "account.add".to_owned(),
            subject: "4".to_owned(),
            detail: String::new(),
        };
        tx.commit(&[entry]).await.expect("committed");
        made
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.folder.path().join("source.csv")
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The fingerprint of the source as it is now.
    pub(crate) async fn schema(&self, dataset: &str) -> String {
        let found = extracts::columns(&self.home, dataset, None, self.now()).await.expect("columns");
        found.1.to_string()
    }

    /// Instructions that fit.
    pub(crate) async fn instructions(&self, words: &Words) -> String {
        let key = self.key.recipient().to_string();
        instructions(
            &self.schema("patients").await,
            if words.passphrase { "passphrase" } else { &key },
            words,
        )
    }

    /// A permit that may be used on 3 December.
    pub(crate) async fn permit(&self, extraction: &str, executions_max: u32) -> String {
        let content = PermitContent {
            extraction: extraction.to_owned(),
            executions_max,
            legal_class: if extraction.contains("[table]\n") {
                LegalClass::Statistics
            } else {
                LegalClass::AnonymouslyProcessed
            },
            form: if extraction.contains("format = \"paper\"") { Form::Paper } else { Form::File },
            ..crate::permits::content()
        };
        let applied = permits::apply(
            (&self.catalog, &crate::permits::DATASETS),
            &content,
            &self.applicant,
            at("2026-11-23", "10:00"),
        );
        let number = applied.await.expect("applied");
        let decided = at("2026-11-25", "10:00");
        let row = permits::show(&self.catalog, &number, &self.doctor).await.expect("a permit");
        let seen = Seen::Version(permits::version(&row));
        permits::approve((&self.catalog, &crate::permits::DATASETS), &number, &seen, &self.doctor, decided)
            .await
            .expect("approved");
        number
    }

    /// A permit with these words.
    pub(crate) async fn permit_of(&self, words: &Words) -> String {
        let instructions = self.instructions(words).await;
        self.permit(&instructions, 1).await
    }

    /// Makes an extract; gives the passphrase too, if there is one.
    pub(crate) async fn run(&self, number: &str) -> Result<(Handed, Option<SecretString>), ExtractError> {
        self.run_by(number, &self.operator).await
    }

    pub(crate) async fn run_by(
        &self,
        number: &str,
        by: &Actor,
    ) -> Result<(Handed, Option<SecretString>), ExtractError> {
        self.run_as(number, by, &mut |_| {}, &mut || {}).await
    }

    pub(crate) async fn run_as(
        &self,
        number: &str,
        by: &Actor,
        tell: &mut (dyn FnMut(Told) + Send),
        at_passphrase: &mut (dyn FnMut() + Send),
    ) -> Result<(Handed, Option<SecretString>), ExtractError> {
        let cancel = Cancel::default();
        let on = Run {
            catalog: &self.catalog,
            home: &self.home,
            clock: &*self.clock,
            by,
            recovery: None,
            cancel: &cancel,
        };
        let mut passphrase = None;
        let mut once = |words: &SecretString| {
            passphrase = Some(words.clone());
            at_passphrase();
        };
        let handed = extracts::run(&on, number, tell, &mut once).await?;
        Ok((handed, passphrase))
    }

    /// The permit's state.
    pub(crate) async fn state(&self, number: &str) -> &'static str {
        permits::show(&self.catalog, number, &self.doctor).await.expect("a permit").permit.state.word()
    }

    /// The sealed files in the home.
    pub(crate) fn sealed(&self) -> Vec<PathBuf> {
        let Ok(listing) = std::fs::read_dir(self.home.extracts()) else { return Vec::new() };
        let paths = listing.flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "age")).collect()
    }

    /// Opens a sealed file with stock age and the applicant's key.
    pub(crate) fn opened(&self, sealed: &Path) -> Vec<u8> {
        let file = self.folder.path().join("applicant.key");
        std::fs::write(&file, self.key.secret().expose_secret()).expect("a key");
        let output = std::process::Command::new("age").args(["-d", "-i"]).arg(&file).arg(sealed).output();
        let output = output.expect("age runs: install the package age");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Every byte of every file under the home, by its path.
    pub(crate) fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push((path.clone(), std::fs::read(path).expect("a file")));
                }
            }
        }
        found
    }

    /// No value of the source is in any file of the home.
    #[track_caller]
    pub(crate) fn assert_nothing_leaked(&self, when: &str) {
        let mut secrets: Vec<String> = CANARIES.iter().map(|canary| (*canary).to_owned()).collect();
        secrets.retain(|secret| secret != "116");
        secrets.extend(["姓0007", "P-100259", "経過良好", "R6.1.", "E11.9"].map(str::to_owned));
        let sjis = secrets.iter().map(|secret| encoding_rs::SHIFT_JIS.encode(secret).0.into_owned());
        let all: Vec<Vec<u8>> = sjis.chain(secrets.iter().map(|secret| secret.as_bytes().to_vec())).collect();
        let needles = aho_corasick::AhoCorasick::new(&all).expect("few");
        for (path, bytes) in self.everything() {
            let found =
                needles.find(&bytes).map(|found| String::from_utf8_lossy(&bytes[found.range()]).into_owned());
            assert_eq!(found, None, "{when}: in {}", path.display());
        }
    }
}
