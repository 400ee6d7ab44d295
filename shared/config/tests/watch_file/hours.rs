//! Business hours as the watch file writes them.

use config::{Environment, WatchFile};

const REST: &str = r#"
[database.pipeline]
url = "ssm:database/pipeline_url"

[receiver.team]
sns = { topic = "pages" }

[routes]
default = ["team"]
"#;

fn read(hours: &str) -> Result<WatchFile, String> {
    let text = format!("namespace = \"N\"\n{hours}{REST}");
    let environment = Environment::parse("prod").map_err(|error| error.to_string())?;
    WatchFile::parse(&text, "w.toml", &environment).map_err(|error| error.to_string())
}

#[test]
fn hours_are_known_by_name_with_dates_written_either_way() -> anyhow::Result<()> {
    let text = "[hours.market]\ntimezone = \"America/New_York\"\nopen = \"mon-fri 09:30-16:00\"\n\
                closed = [\"2026-12-25\", 2026-12-28]\n";
    let watch_file = read(text).map_err(anyhow::Error::msg)?;
    let open = |at: &str| -> anyhow::Result<bool> { Ok(watch_file.hours["market"].is_open(at.parse()?)) };
    assert!(open("2026-12-24T15:00:00Z")?);
    assert!(!open("2026-12-25T15:00:00Z")? && !open("2026-12-28T15:00:00Z")?);
    assert!(open("2026-12-29T15:00:00Z")?);
    Ok(())
}

#[test]
fn each_mistake_in_hours_is_told_where_it_stands() {
    for (right, wrong, expected) in [
        ("[hours.market]", "[hours.Market]", "w.toml:2: hours.Market: expected a name in kebab-case"),
        ("timezone = \"UTC\"\n", "", "w.toml:2: hours.market.timezone: is missing: whose clocks count"),
        ("open = [\"mon-fri 09:00-17:00\"]\n", "", "w.toml:2: hours.market.open: is missing: when somebody is there"),
        ("[\"mon-fri 09:00-17:00\"]", "[]", "w.toml:4: hours.market.open: is an empty list"),
        ("mon-fri 09:00", "mon-fri 9", "w.toml:4: hours.market.open: `mon-fri 9-17:00` has no time of day in `9`"),
        ("\"UTC\"", "\"Mars/Olympus\"", "w.toml:3: hours.market.timezone: there is no time zone `Mars/Olympus`, exp"),
        ("closed = []", "closed = \"2026-12-25\"", "w.toml:5: hours.market.closed: expected a list of dates"),
        ("[]", "[2026-12-25T10:00:00]", "w.toml:5: hours.market.closed: expected dates"),
        ("[]", "[\"2026-12-25\", 2026-12-25]", "w.toml:5: hours.market.closed: 2026-12-25 is listed twice"),
        (
            "closed",
            "close",
            "w.toml:5: hours.market.close: unknown key (did you mean `closed`?), expected one of timez",
        ),
    ] {
        let text = "[hours.market]\ntimezone = \"UTC\"\nopen = [\"mon-fri 09:00-17:00\"]\nclosed = []\n";
        assert!(read(text).is_ok() && text.contains(right), "{right}");
        let error = read(&text.replacen(right, wrong, 1)).err().unwrap_or_default();
        assert!(error.starts_with(expected) && error.lines().count() == 1, "{wrong}\n{error}");
    }
}
