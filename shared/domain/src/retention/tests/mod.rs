//! What retention promises, as tables and properties.

mod confirm;
mod keep;
mod keys;
mod pace;
mod written;

use jiff::Timestamp;

use super::{Emptied, HardDelete, Keep, Policy, Table};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn table(text: &str) -> Table {
    Table::read(text).expect("a table")
}

fn policy(table_name: &str) -> Policy {
    Policy {
        name: "audit-logs".to_owned(),
        database: "pipeline".to_owned(),
        table: table(table_name),
        time: "created_at".to_owned(),
        key: vec!["id".to_owned()],
        keep: Keep::read("2y").expect("it is right"),
        archive: Some("audit/".to_owned()),
        only: None,
        objects: None,
        batch_rows: Policy::BATCH_ROWS,
        batch_bytes: Policy::BATCH_BYTES,
        max_row_bytes: Policy::MAX_ROW_BYTES,
        behind_after: Policy::BEHIND_AFTER,
    }
}

fn organization() -> HardDelete {
    let emptied = |name: &str, key: &str| Emptied { table: table(name), key: key.to_owned() };
    HardDelete {
        name: "organization".to_owned(),
        database: "pipeline".to_owned(),
        key: "organization_id".to_owned(),
        tables: vec![emptied("users", "organization_id"), emptied("organizations", "id")],
        keep: vec![table("audit_logs")],
        record: table("audit_logs"),
        soft_deleted: None,
    }
}
