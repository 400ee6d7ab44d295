//! The token of a dry run: what it confirms, for how long, and what it does not.

use jiff::SignedDuration;

use super::super::{CONFIRMATION_LASTS, HardDelete, Unconfirmed, confirmation, confirms};
use super::{at, organization, table};

fn counts(users: u64) -> Vec<(String, u64)> {
    vec![("users".to_owned(), users), ("organizations".to_owned(), 1)]
}

#[test]
fn a_token_confirms_what_was_counted_for_an_hour() {
    let (made, organization) = (at("2026-11-22T10:00:00.7Z"), organization());
    let token = confirmation(&organization, "42", &counts(7), made);
    for later in [SignedDuration::ZERO, CONFIRMATION_LASTS - SignedDuration::from_secs(1)] {
        assert_eq!(confirms(&token, &organization, "42", &counts(7), made + later), Ok(()), "{later:?}");
    }
    assert_eq!(confirms(&format!(" {token}\n"), &organization, "42", &counts(7), made), Ok(()), "as it was pasted");
    for now in [made + CONFIRMATION_LASTS, made - SignedDuration::from_secs(1)] {
        let told = confirms(&token, &organization, "42", &counts(7), now);
        assert_eq!(told, Err(Unconfirmed::Expired { at: at("2026-11-22T10:00:00Z") }), "{now}");
    }
}

#[test]
fn a_token_confirms_nothing_else() {
    let (made, organization) = (at("2026-11-22T10:00:00Z"), organization());
    let token = confirmation(&organization, "42", &counts(7), made);
    let different = |other: &HardDelete, id: &str, users| {
        assert_eq!(
            confirms(&token, other, id, &counts(users), made),
            Err(Unconfirmed::Different),
            "{other:?} {id} {users}"
        );
    };
    different(&organization, "43", 7);
    different(&organization, "42", 8);
    let mut other = organization.clone();
    other.tables.reverse();
    different(&other, "42", 7);
    different(&HardDelete { keep: Vec::new(), ..organization.clone() }, "42", 7);
    different(&HardDelete { record: table("deletions"), ..organization.clone() }, "42", 7);
    different(&HardDelete { database: "staging".to_owned(), ..organization.clone() }, "42", 7);
    // Making it younger by hand makes it another.
    let (second, hash) = token.split_once('-').expect("two parts");
    let younger = format!("{}-{hash}", second.parse::<i64>().expect("a second") + 60);
    let told = confirms(&younger, &organization, "42", &counts(7), made + SignedDuration::from_mins(2));
    assert_eq!(told, Err(Unconfirmed::Different));
}

#[test]
fn what_is_no_token_is_told_with_what_one_looks_like() {
    for text in ["", "yes", "yes-please", "1764000000", "99999999999999999999-0123456789abcdef", "-1"] {
        let told = confirms(text, &organization(), "42", &counts(7), at("2026-11-22T10:00:00Z"));
        assert_eq!(told, Err(Unconfirmed::Malformed), "{text}");
    }
}
