//! What a telling left behind, on record and with people, and whether both guarantees hold of it.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use testkit::receivers::{Answered, Received};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::world::World;

/// How often somebody was told what they knew, and how often a sender could not know.
#[derive(Default)]
pub(super) struct Repeats {
    pub(super) ambiguous: usize,
    pub(super) repeats: usize,
}

impl AddAssign for Repeats {
    fn add_assign(&mut self, other: Self) {
        self.ambiguous += other.ambiguous;
        self.repeats += other.repeats;
    }
}

/// One thing that somebody took.
struct Taken {
    /// The integration that took it.
    by: &'static str,
    notice: String,
    dedup_key: String,
    /// A storm names in its text what goes with it.
    text: String,
    is_marked: bool,
    was_cut: bool,
}

/// One delivery on record.
struct Row {
    integration: String,
    notice: String,
    dedup_key: String,
    status: String,
    subject: String,
}

/// Looks at one telling after another.
pub(super) struct Evidence {
    // Opened once: what is asked so often would else open thousands.
    connection: store::Connection,
    /// The last delivery that was looked at, by position.
    last_delivery: String,
    /// The last request that was looked at.
    last_request: u64,
}

impl Evidence {
    pub(super) async fn begin(world: &World) -> Self {
        let connection = store::Connection::open(&world.database_url.as_str().into(), None).await;
        let connection = connection.expect("a connection");
        Self { connection, last_delivery: "0".to_owned(), last_request: 0 }
    }

    /// The rows that a query gives, as text; null is `-`.
    pub(super) async fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let client: &Client = &self.connection.client;
        let answer = client.simple_query(sql).await.expect(sql);
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|n| row.get(n).unwrap_or("-").to_owned()).collect()).collect()
    }

    /// Checks what has come to pass since the last look.
    pub(super) async fn check(&mut self, world: &World, crashes: usize, place: &str) -> Repeats {
        let unfinished = "select (select count(*) from watchkeeper.signals where decision is null),
                                 (select count(*) from watchkeeper.deliveries
                                  where status not in ('sent', 'failed', 'cancelled'))";
        assert_eq!(self.ask(unfinished).await, [["0", "0"]], "{place}: signals undecided, deliveries unfinished");
        let unheard = "select receiver, notice from watchkeeper.deliveries as failed
                       where status = 'failed' and coalesce(notification ->> 'kind', '') <> 'delivery-failed'
                         and not exists (
                             select from watchkeeper.signals
                             where signals.kind = 'delivery-failed' and body like '%' || failed.delivery_id || '%')";
        assert_eq!(self.ask(unheard).await, Vec::<Vec<String>>::new(), "{place}: given up, and no signal says so");

        let (rows, taken) = (self.rows().await, self.taken(world).await);
        let mut repeats = Repeats { ambiguous: taken.iter().filter(|one| one.was_cut).count(), repeats: 0 };
        let mut on_record = vec![false; taken.len()];
        for row in &rows {
            let copies: Vec<usize> = (0..taken.len()).filter(|n| taken[*n].is(row)).collect();
            let Row { integration, notice, dedup_key, status, .. } = row;
            let what = format!("{place}: {integration} {notice} {dedup_key}, {status}");
            assert!(*status != "sent" || !copies.is_empty(), "{what}: LOST, nobody took it");
            let ambiguous = copies.iter().filter(|n| taken[**n].was_cut).count();
            assert!(copies.len() <= 1 + crashes + ambiguous, "{what}: taken {} times", copies.len());
            let marked = copies.iter().filter(|n| taken[**n].is_marked).count();
            let again = copies.len().saturating_sub(1);
            assert!(integration == "pagerduty" || marked >= again, "{what}: {marked} of {again} repeats say so");
            repeats.repeats += again;
            copies.iter().for_each(|n| on_record[*n] = true);
        }
        let unknown = taken.iter().zip(on_record).filter(|(_, known)| !known);
        let unknown: Vec<_> = unknown.map(|(one, _)| (one.by, &one.notice, &one.dedup_key)).collect();
        assert!(unknown.is_empty(), "{place}: taken, and no delivery says so: {unknown:?}");
        self.check_incidents(world, place).await;
        repeats
    }

    /// PagerDuty holds an incident open exactly as long as its alert is.
    async fn check_incidents(&self, world: &World, place: &str) {
        let open = self.ask("select fingerprint from watchkeeper.alerts where status = 'firing'").await;
        let open: BTreeSet<String> = open.into_iter().flatten().collect();
        for incident in world.receivers.incidents() {
            let key = &incident.dedup_key;
            let (fingerprint, _) = key.split_once(':').expect("a key");
            assert!(incident.resolved_at.is_some() || open.contains(fingerprint), "{place}: {key} stays open");
        }
    }

    /// The deliveries since the last look.
    async fn rows(&mut self) -> Vec<Row> {
        let since = &self.last_delivery;
        let rows = format!(
            "select position, integration, notice, dedup_key, status, notification ->> 'subject'
             from watchkeeper.deliveries where position > {since} order by position"
        );
        let mut rows = self.ask(&rows).await;
        if let Some(last) = rows.last() {
            self.last_delivery.clone_from(&last[0]);
        }
        let row = |row: &mut Vec<String>| {
            let [integration, notice, dedup_key, status, subject] =
                [1, 2, 3, 4, 5].map(|n| std::mem::take(&mut row[n]));
            Row { integration, notice, dedup_key, status, subject }
        };
        rows.iter_mut().map(row).collect()
    }

    /// What was taken since the last look.
    async fn taken(&mut self, world: &World) -> Vec<Taken> {
        let mut requests = world.receivers.received();
        requests.retain(|request| request.n > self.last_request);
        self.last_request = requests.last().map_or(self.last_request, |last| last.n);
        let mut taken: Vec<Taken> = requests.iter().filter_map(Taken::of_request).collect();
        for envelope in world.mail_envelopes().await {
            let attribute =
                |name: &str| envelope["MessageAttributes"][name]["Value"].as_str().unwrap_or("?").to_owned();
            let subject = envelope["Subject"].as_str().unwrap_or_default();
            taken.push(Taken {
                by: "sns",
                notice: attribute("notice"),
                dedup_key: attribute("dedup_key"),
                text: envelope["Message"].as_str().unwrap_or_default().to_owned(),
                is_marked: subject.contains("(repeat)"),
                was_cut: false,
            });
        }
        taken
    }
}

impl Taken {
    /// A request that took effect. Stories cut connections only after that.
    fn of_request(request: &Received) -> Option<Self> {
        if matches!(request.answered, Answered::Status(300..)) {
            return None;
        }
        let word = |name: &str| request.json[name].as_str().unwrap_or_default().to_owned();
        Some(Self {
            by: request.integration,
            notice: word("notice") + &word("event_action"),
            dedup_key: word("dedup_key"),
            text: request.body.clone(),
            is_marked: request.json["repeat"] == true,
            was_cut: request.answered == Answered::Cut,
        })
    }

    /// Whether this delivery went out with it.
    fn is(&self, row: &Row) -> bool {
        let notice = match row.integration.as_str() {
            "pagerduty" if row.notice == "resolved" => "resolve",
            "pagerduty" => "trigger",
            _ => &row.notice,
        };
        let in_company = self.dedup_key.contains('+') && self.text.contains(&row.subject);
        self.by == row.integration && self.notice == notice && (self.dedup_key == row.dedup_key || in_company)
    }
}
