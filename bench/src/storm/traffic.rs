//! Signals without end, in batches: as Lambda hands them to the router, and as Alertmanager takes them.

use serde_json::{Value, json};

use crate::alerts::now;

/// What a storm is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Every signal is of another condition, and opens an alert.
    Distinct,
    /// Every signal says the same of one condition, which is firing already.
    Duplicates,
    /// Every condition is said twice.
    Half,
}

impl Traffic {
    /// For the table.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Distinct => "each opens an alert",
            Self::Duplicates => "all of one alert",
            Self::Half => "two of each alert",
        }
    }
}

/// Where the next batch begins.
#[derive(Debug)]
pub(super) struct Storm {
    traffic: Traffic,
    said: usize,
}

/// Some signals.
pub(super) struct Batch {
    /// `{"Records": […]}`.
    pub(super) event: Value,
    /// What Alertmanager is posted.
    pub(super) alerts: Value,
}

impl Storm {
    pub(super) fn of(traffic: Traffic) -> Self {
        Self { traffic, said: 0 }
    }

    /// How many signals there were.
    pub(super) fn said(&self) -> usize {
        self.said
    }

    /// The next so many signals.
    pub(super) fn batch(&mut self, size: usize) -> Batch {
        let numbers = self.said..self.said + size;
        self.said = numbers.end;
        let sent_at = now();
        let records = numbers.clone().map(|n| {
            let condition = self.condition(n);
            let signal = json!({
                "id": format!("storm-{n}"),
                "source": "bench",
                "kind": "bench",
                "subject": format!("orders-{condition}"),
                "status": "firing",
                "severity": "HIGH",
                "summary": "orders are 12 minutes old",
                "labels": {"table": format!("orders-{condition}")},
                "details": {"value": 720, "limit": 600},
                "occurred_at": sent_at.to_string(),
            });
            json!({
                "messageId": format!("00000000-0000-4000-8000-{n:012}"),
                // As long as those of SQS.
                "receiptHandle": format!("{n:0>384}"),
                "body": signal.to_string(),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "SentTimestamp": sent_at.as_millisecond().to_string(),
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:alerts",
                "awsRegion": "eu-central-1",
            })
        });
        let alerts = numbers.map(|n| {
            json!({
                "labels": {"alertname": "bench", "severity": "HIGH", "table": format!("orders-{}", self.condition(n))},
                "annotations": {"summary": "orders are 12 minutes old"},
                "startsAt": sent_at.to_string(),
            })
        });
        Batch { event: json!({"Records": records.collect::<Vec<_>>()}), alerts: alerts.collect() }
    }

    fn condition(&self, n: usize) -> usize {
        match self.traffic {
            Traffic::Distinct => n,
            Traffic::Duplicates => 0,
            Traffic::Half => n / 2,
        }
    }
}
