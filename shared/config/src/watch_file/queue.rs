//! Queues that checks look at: by name, address or ARN.

use super::check::no_such;
use super::reader::{Found, Table};

/// An SQS queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// The account it is in, if written; else the stack's.
    pub account: Option<String>,
    /// The region it is in, if written; else the stack's.
    pub region: Option<String>,
    /// Its address, if written.
    pub url: Option<String>,
}

/// What can be measured of a queue, with its unit: the columns of its metrics.
const QUANTITIES: [(&str, &str); 5] =
    [("depth", "Count"), ("in_flight", "Count"), ("delayed", "Count"), ("oldest_age", "Seconds"), ("dlq", "Count")];

impl Queue {
    /// Its ARN, as a stack in this partition, region and account has to permit it.
    pub fn arn(&self, partition: &str, region: &str, account: &str) -> String {
        let region = self.region.as_deref().unwrap_or(region);
        let account = self.account.as_deref().unwrap_or(account);
        format!("arn:{partition}:sqs:{region}:{account}:{}", self.name)
    }

    /// Reads a name, an address `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME` or an ARN, which need not say its account.
    pub fn parse(text: &str) -> Option<Self> {
        let queue = if text.starts_with("arn:") {
            let parts: Vec<_> = text.split(':').collect();
            let ["arn", _, "sqs", region, account, name] = parts.as_slice() else { return None };
            Self { name: (*name).to_owned(), account: some(account), region: some(region), url: None }
        } else if let Some((_, rest)) = text.split_once("://") {
            let (host, path) = rest.split_once('/')?;
            let (account, name) = path.split_once('/')?;
            let region = host.strip_prefix("sqs.").and_then(|host| host.split_once(".amazonaws.com"));
            Self {
                name: name.to_owned(),
                account: some(account),
                region: region.map(|(region, _)| region.to_owned()),
                url: Some(text.to_owned()),
            }
        } else {
            Self { name: text.to_owned(), account: None, region: None, url: None }
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name = queue.name.strip_suffix(".fifo").unwrap_or(&queue.name);
        let named = (1..=80).contains(&queue.name.len()) && name.chars().all(plain);
        let digits = |account: &String| account.len() == 12 && account.chars().all(|c| c.is_ascii_digit());
        (named && queue.account.as_ref().is_none_or(digits)).then_some(queue)
    }
}

fn some(part: &str) -> Option<String> {
    Some(part.to_owned()).filter(|part| !part.is_empty())
}

/// The queue that a check looks at.
pub(super) fn queue(table: &Table<'_>) -> Option<Queue> {
    let text = table.text("sqs")?;
    let queue = Queue::parse(text.value);
    if queue.is_none() {
        let expected = "expected the name of a queue, as in `eval-queue-urgent`, or its address or ARN";
        table.note_at(&text, expected);
    }
    queue
}

/// The unit of what a column measures of a queue; notes a mistake where that cannot be measured.
pub(super) fn unit(queue: &Queue, table: &Table<'_>, column: &Found<&str>) -> Option<&'static str> {
    // CloudWatch answers nothing for a name that its account has no queue of: there the age would be missing for ever.
    if column.value == "oldest_age" && queue.account.is_some() {
        table.note_at(
            column,
            "is measured in this stack's account only: where the queue is there, name it without its account, as in \
             `eval-queue-urgent` or, in another region, `arn:aws:sqs:eu-west-1::eval-queue-urgent`; else measure `depth`",
        );
    }
    expect_quantity(table, column, "a queue", &QUANTITIES)
}

/// Notes a mistake unless a built-in quantity has this name; else its unit.
pub(super) fn expect_quantity(
    table: &Table<'_>,
    column: &Found<&str>,
    of: &str,
    known: &[(&str, &'static str)],
) -> Option<&'static str> {
    let unit = known.iter().find(|(name, _)| *name == column.value).map(|(_, unit)| *unit);
    if unit.is_none() {
        let names = known.iter().map(|(name, _)| name);
        table.note_at(column, no_such(&format!("quantity of {of} called"), column.value, names));
    }
    unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_itself_or_with_where_it_is() {
        let parts = |text: &str| Queue::parse(text).map(|queue| (queue.name, queue.account, queue.region));
        let here = |name: &str| Some((name.to_owned(), None, None));
        let there = Some(("q.fifo".to_owned(), Some("123456789012".to_owned()), Some("eu-west-1".to_owned())));
        assert_eq!(parts("eval-queue_1"), here("eval-queue_1"));
        assert_eq!(parts("arn:aws:sqs:eu-west-1:123456789012:q.fifo"), there);
        assert_eq!(parts("https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo"), there);
        let of_ours = Some(("q".to_owned(), None, Some("eu-west-1".to_owned())));
        assert_eq!(parts("arn:aws:sqs:eu-west-1::q"), of_ours);
        for text in ["", "a queue", "q.txt", "arn:aws:sns:eu-west-1:123456789012:q", "arn:aws:sqs:x", "https://x/y"] {
            assert_eq!(Queue::parse(text), None, "{text}");
        }
    }

    #[test]
    fn its_arn_is_where_it_says_and_else_where_the_stack_is() {
        let arn = |text: &str| Queue::parse(text).map(|queue| queue.arn("aws", "eu-central-1", "111111111111"));
        assert_eq!(arn("q").as_deref(), Some("arn:aws:sqs:eu-central-1:111111111111:q"));
        let elsewhere = "arn:aws:sqs:eu-west-1:123456789012:q";
        assert_eq!(arn(elsewhere).as_deref(), Some(elsewhere));
    }
}
