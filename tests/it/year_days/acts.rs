//! What people and programs do beside snapshots: holds, erasures, keys, deletion, the second store.

use std::sync::Arc;

use kura::archive::envelope::SigningKey;
use kura::archive::seal;
use kura::domain::time::Day;
use kura::workflows::expire::Refusal;
use kura::workflows::rotate::{self, Change};
use kura::workflows::{certificates, erasures, holds, init, replica, rewrap};
use tokio::runtime::Runtime;

use super::source::{file_of, is_past_day};
use super::world::{World, program};
use crate::expiry::{Desk, Portal, doctor, manager};
use crate::steps::killed_after;

impl World {
    /// What people decide today.
    pub(super) fn decide(&mut self, runtime: &Runtime, today: Day) {
        runtime.block_on(async {
            let desk = self.desk().await;
            self.place_holds(&desk, today).await;
            self.erase(&desk, today).await;
            desk.catalog.close().await;
        });
        if self.dice.roll(250) == 0 {
            self.change_keys(runtime);
        }
    }

    async fn place_holds(&mut self, desk: &Desk, today: Day) {
        let over: Vec<Day> =
            self.held.iter().filter(|(_, (_, end))| *end <= today).map(|(day, _)| *day).collect();
        for day in over {
            let (number, _) = self.held.remove(&day).expect("a hold");
            let which = (self.plan.name(), number, "終了");
            holds::release(&desk.host, &desk.catalog, which, &manager(), self.kura.clock_now())
                .await
                .expect("released");
        }
        if self.dice.roll(30) != 0 {
            return;
        }
        // The oldest day that is still there.
        let oldest = self.source.by_day.keys().find(|day| !is_past_day(**day, self.kura.clock_now()));
        let Some(day) = oldest.copied().filter(|day| !self.held.contains_key(day)) else { return };
        let new = holds::NewHold {
            plan: self.plan.name().clone(),
            days: (day, day),
            until: None,
            reason: "監査".to_owned(),
        };
        let number = holds::add(&desk.host, &desk.catalog, &new, &doctor(), self.kura.clock_now())
            .await
            .expect("held");
        // Most end while the day would be there anyway; those of the first year do not.
        let length = i32::try_from(self.dice.roll(500)).expect("small");
        self.held.insert(day, (number, Day::from_number(today.number() + length)));
        self.happened.holds += 1;
    }

    /// A consent that was withdrawn.
    async fn erase(&mut self, desk: &Desk, today: Day) {
        if self.dice.roll(40) != 0 {
            return;
        }
        let (name, _) = self.source.standing[self.dice.place(self.source.standing.len())];
        let paths = [file_of(name).into_bytes()];
        let what = (&self.plan, &paths[..], "請求 2031-001");
        erasures::order(&desk.host, &desk.catalog, what, &doctor(), self.kura.clock_now())
            .await
            .expect("ordered");
        self.erased.insert(name, today);
        self.happened.erasures += 1;
    }

    /// A new recovery key takes the place of the one that counts; killed on the way, and done again.
    fn change_keys(&mut self, runtime: &Runtime) {
        self.later();
        let (killed_at, dice) = (self.dice.place(60), self.dice.others());
        self.happened.rotations += 1;
        let folder = self.kura.dir.path();
        let file = folder.join(format!("recovery-{}.key", self.happened.rotations));
        let pem = std::fs::read_to_string(folder.join("recovery.key.root")).expect("the root key");
        let root = SigningKey::from_pem(&pem).expect("a key");
        let now = self.kura.clock_now();
        let recipient = init::new_recovery_key(&file, &root, now, None).expect("a key");
        let own = std::fs::read(&self.identity).expect("the recovery key");
        let own = seal::read_identity_file(&own, None).expect("an identity").recipients;
        let change = Change { add: vec![(recipient, None)], retire: own, ..Change::default() };
        let opened = runtime.block_on(self.opened());
        let carried_out = async {
            let Ok(recovery) = rotate::rotate(&opened, &root, &change, now).await else { return false };
            rewrap::rewrap(&opened, &recovery, &root, now).await.is_ok()
        };
        self.store.trouble(Some(dice));
        let killed = program().block_on(killed_after(killed_at, carried_out));
        self.store.trouble(None);
        self.happened.kills += u64::from(killed.is_none());
        runtime.block_on(async {
            let opened = self.opened().await;
            let recovery = rotate::rotate(&opened, &root, &change, now).await.expect("a new set");
            let done = rewrap::rewrap(&opened, &recovery, &root, now).await.expect("sealed again");
            assert_eq!(done.unopened, Vec::<String>::new());
            rotate::adopt(&self.kura.home(), &*self.store).await.expect("taken over");
        });
        self.identity = file;
    }

    /// Deletes as the service does; now and then it is killed and the store fails, or a clock is wrong.
    pub(super) fn delete(&mut self, runtime: &Runtime) {
        if self.dice.roll(15) == 0 {
            let wrong = [395, -395, 1][self.dice.place(3)] * 24 * 60;
            self.later();
            runtime.block_on(async {
                let mut desk = self.desk().await;
                desk.clocks = vec![Arc::new(Portal(self.kura.clock_now().plus_minutes(wrong)))];
                let ran = desk.run().await.expect("a run");
                assert!(
                    matches!(ran.refused[..], [Refusal::Clock(_)]) && ran.certificates.is_empty(),
                    "{ran:?}"
                );
                desk.catalog.close().await;
            });
            self.happened.wrong_clocks += 1;
        }
        if self.dice.roll(5) == 0 {
            self.later();
            let waits = self.dice.place(150);
            self.store.trouble(Some(self.dice.others()));
            let killed =
                program().block_on(killed_after(waits, async { self.desk().await.run().await.is_ok() }));
            self.happened.kills += u64::from(killed.is_none());
            self.store.trouble(None);
        }
        self.later();
        runtime.block_on(async {
            let desk = self.desk().await;
            let ran = desk.run().await.expect("a run");
            assert!(ran.refused.is_empty(), "{ran:?}");
            self.happened.certificates = desk.catalog.newest_certificate().await.expect("a number");
            desk.catalog.close().await;
        });
    }

    /// The second store gets what it lacks.
    pub(super) fn copy(&mut self, runtime: &Runtime) {
        let Some(second) = self.second.clone() else { return };
        runtime.block_on(async {
            let desk = self.desk().await;
            let ends = replica::ends_of(&desk.host, &*second, self.kura.clock_now()).await.expect("ends");
            if self.dice.roll(3) == 0 {
                second.trouble(Some(self.dice.others()));
                drop(killed_after(self.dice.place(100), replica::copy(&*self.store, &*second, &ends)).await);
                second.trouble(None);
            }
            let copied = replica::copy(&*self.store, &*second, &ends).await.expect("a copy");
            assert_eq!(copied.wrong, Vec::new());
            desk.catalog.close().await;
        });
    }

    /// Every certificate, offline and as a chain.
    pub(super) async fn check_certificates(&self, desk: &Desk) {
        let identity = std::fs::read_to_string(self.kura.recovery_key()).expect("the recovery key");
        let root = identity.lines().find_map(|line| line.strip_prefix("# kura-root: ")).expect("a root");
        let mut checked = Vec::new();
        for row in desk.catalog.certificates(u64::MAX, 10_000).await.expect("certificates") {
            let bundle = certificates::bundle(&desk.host, &row).expect("a bundle");
            let bytes = serde_json::to_vec(&bundle).expect("JSON");
            checked.push(certificates::check("bundle", &bytes, root).expect("it holds"));
        }
        assert_eq!(u64::try_from(checked.len()), Ok(self.happened.certificates));
        assert_eq!(certificates::check_links(&mut checked), Vec::<String>::new());
    }
}
