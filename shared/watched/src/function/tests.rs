//! What query functions answer, and what is made of it.

use super::*;

/// The two columns of every row that an answer has; or why it has none.
fn read(answer: &str) -> Result<Vec<Vec<Cell>>, String> {
    rows(answer.as_bytes(), 1).map(|rows| rows.rows).map_err(|failure| failure.text)
}

#[test]
fn rows_are_found_in_a_body_of_text_or_of_json_and_without_one() {
    let expected = Ok(vec![vec![Cell::Number(42.5), Cell::Null]]);
    for answer in [
        r#"{"statusCode": 200, "body": "{\"rows\": [{\"lag\": 42.5, \"more\": null}]}"}"#,
        r#"{"statusCode": 200, "body": {"rows": [{"lag": 42.5, "more": null}]}}"#,
        r#"{"rows": [{"lag": 42.5, "more": null}], "error": null}"#,
    ] {
        assert_eq!(read(answer), expected, "{answer}");
    }
}

#[test]
fn a_row_without_a_column_that_another_has_has_null_there() {
    let answer = r#"{"rows": [{"ticker": "A"}, {"lag": 3, "ticker": "B"}, {"ticker": "C", "more": 1}]}"#;
    let read = rows(answer.as_bytes(), 2).expect("rows");
    assert_eq!(read.columns, ["lag", "more", "ticker"]);
    let ticker = |name: &str| Cell::Written(name.to_owned());
    let expected = [
        [Cell::Null, Cell::Null, ticker("A")],
        [Cell::Number(3.0), Cell::Null, ticker("B")],
        [Cell::Null, Cell::Number(1.0), ticker("C")],
    ];
    assert_eq!(read.rows, expected);
}

#[test]
fn an_error_that_says_nothing_is_none() {
    for nothing in ["null", "false", "0", "\"\"", "\" \"", "{}", "[]"] {
        let answer = format!(r#"{{"statusCode": 200, "body": {{"rows": [{{"lag": 1}}], "error": {nothing}}}}}"#);
        assert_eq!(read(&answer), Ok(vec![vec![Cell::Number(1.0)]]), "{answer}");
    }
}

#[test]
fn a_decimal_comes_as_a_text() {
    let rows = read(r#"{"rows": [{"lag": "180.25", "n": 3}]}"#);
    assert_eq!(rows, Ok(vec![vec![Cell::Written("180.25".to_owned()), Cell::Number(3.0)]]));
}

#[test]
fn no_more_rows_are_read_than_it_takes_to_know_that_there_are_too_many() {
    assert_eq!(read(r#"{"rows": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}]}"#).map(|rows| rows.len()), Ok(2));
}

#[test]
fn an_error_is_quoted_and_never_taken_for_an_empty_answer() {
    for (answer, said) in [
        (r#"{"statusCode": 200, "body": "{\"error\": \"no such table\"}"}"#, "answered 200: no such table"),
        (r#"{"rows": [], "error": {"code": 7}}"#, r#"answered 200: {"code":7}"#),
        (r#"{"rows": [], "error": true}"#, "answered 200: true"),
        (r#"{"statusCode": 500, "body": "{\"rows\": []}"}"#, "answered 500: "),
        (r#"{"statusCode": "500", "body": {"rows": [{"lag": 1}]}}"#, "answered 500: "),
        (r#"{"statusCode": 502.0, "body": {"rows": [{"lag": 1}]}}"#, "answered 502: "),
        (
            r#"{"statusCode": "bad", "body": {"rows": [{"lag": 1}]}}"#,
            r#"answered the statusCode "bad", expected a number"#,
        ),
        (r#"{"statusCode": 200}"#, r#"answered {"statusCode":200}, expected {"rows": "#),
        (r#"{"statusCode": 200, "body": "oops"}"#, "answered `oops`, which is no JSON"),
        (r#"{"statusCode": 200, "body": "{\"rows\": [{\"lag\": NaN}]}"}"#, "which is no JSON"),
        (r#"{"rows": [1]}"#, "answered rows that are no objects"),
        ("", "answered ``, which is no JSON"),
        ("null", "answered null, expected"),
    ] {
        let error = read(answer).expect_err(answer);
        assert!(error.contains(said), "{answer}: {error}");
    }
    let long = format!(r#"{{"rows": [{{"text": "{}"}}]}}"#, "x".repeat(LONGEST_ANSWER));
    assert!(read(&long).is_err_and(|error| error.contains("expected at most 1048576")));
}

#[test]
fn a_function_that_crashed_is_told_from_one_that_took_too_long() {
    let crash = crashed(br#"{"errorType": "OperationalError", "errorMessage": "could not connect", "stackTrace": []}"#);
    assert_eq!((crash.text.as_str(), crash.timed_out), ("failed: OperationalError: could not connect", false));
    let late = crashed(br#"{"errorMessage": "2026-11-22T06:00:00Z 1234 Task timed out after 3.00 seconds"}"#);
    assert!(late.timed_out);
    assert_eq!(crashed(b"\xff").text, "failed: \u{fffd}");
}

proptest::proptest! {
    #[test]
    fn no_answer_takes_the_reader_down(answer in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = rows(&answer, 1);
        let _ = crashed(&answer);
    }
}
