//! Kill switches: plain parameters below `features`, read as on or off.

use std::collections::BTreeMap;

/// How a switch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On, or not there: what nobody switched off works.
    On,
    /// Off.
    Off,
    /// It says neither, or SSM was never read. Whoever tells people goes on as if it were on; whoever acts does not.
    Unreadable(String),
}

impl Switch {
    /// Whether somebody switched it off. In doubt it is not, since a doubt must silence nobody.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// Whether somebody left it on for sure: what acts on the world needs that.
    pub fn is_surely_on(&self) -> bool {
        matches!(self, Self::On)
    }
}

/// All switches of an environment, as they stood when `features` was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches(Result<BTreeMap<String, Switch>, String>);

/// The words for on and off, in any case.
const WORDS: [(&str, &str); 4] = [("true", "false"), ("on", "off"), ("1", "0"), ("enabled", "disabled")];

impl Switches {
    /// Reads the values of a branch; `branch` is its full path in SSM.
    pub(crate) fn of<'v>(branch: &str, values: impl Iterator<Item = (&'v str, &'v str)>) -> Self {
        Self(Ok(values.map(|(name, value)| (name.to_owned(), read(&format!("{branch}/{name}"), value))).collect()))
    }

    /// Nothing is known of them, and this is why.
    pub(crate) fn unknown(why: String) -> Self {
        Self(Err(why))
    }

    /// The switch `features/NAME`.
    pub fn get(&self, name: &str) -> Switch {
        match &self.0 {
            Ok(known) => known.get(name).cloned().unwrap_or(Switch::On),
            Err(why) => Switch::Unreadable(why.clone()),
        }
    }

    /// Every switch there is, by name; empty when none could be read.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Switch)> {
        self.0.iter().flatten().map(|(name, switch)| (name.as_str(), switch))
    }

    /// What is wrong with switches that say neither on nor off.
    pub fn complaints(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter_map(|(name, switch)| match switch {
            Switch::Unreadable(why) => Some((name, why.as_str())),
            _ => None,
        })
    }
}

fn read(parameter: &str, value: &str) -> Switch {
    let word = value.trim().to_ascii_lowercase();
    if WORDS.iter().any(|(on, _)| *on == word) {
        Switch::On
    } else if WORDS.iter().any(|(_, off)| *off == word) {
        Switch::Off
    } else {
        // The value is not repeated: whoever mistook the branch may have put a secret there.
        Switch::Unreadable(format!(
            "SSM parameter {parameter} says neither on nor off: expected true or false (or on/off, 1/0, enabled/disabled)"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switches(value: &str) -> Switches {
        Switches::of("/prod/watchkeeper/features", [("enable_lag", value)].into_iter())
    }

    #[test]
    fn a_switch_is_on_or_off_in_any_of_its_words() {
        for on in ["true", "TRUE", " on ", "1", "Enabled\n"] {
            assert_eq!(switches(on).get("enable_lag"), Switch::On, "{on}");
        }
        for off in ["false", "False", "off", " 0", "DISABLED"] {
            assert_eq!(switches(off).get("enable_lag"), Switch::Off, "{off}");
        }
    }

    #[test]
    fn what_nobody_switched_off_is_on() {
        assert_eq!(switches("off").get("another"), Switch::On);
    }

    #[test]
    fn a_switch_that_says_neither_silences_nobody_and_triggers_nothing() {
        for value in ["", "maybe", "of", "2", "hunter2"] {
            let switches = switches(value);
            let switch = switches.get("enable_lag");
            assert!(!switch.is_off() && !switch.is_surely_on(), "{value}");
            let complaints: Vec<_> = switches.complaints().collect();
            let [("enable_lag", why)] = complaints[..] else { panic!("{complaints:?}") };
            assert!(why.contains("/prod/watchkeeper/features/enable_lag") && why.contains("true or false"), "{why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn switches_that_could_not_be_read_are_neither_off_nor_surely_on() {
        let switch = Switches::unknown("SSM is gone".to_owned()).get("enable_lag");
        assert_eq!(switch, Switch::Unreadable("SSM is gone".to_owned()));
        assert!(!switch.is_off() && !switch.is_surely_on());
    }
}
