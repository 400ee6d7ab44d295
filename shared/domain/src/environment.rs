//! Names of environments, brought to one spelling so that `prd` and `production` are one place.

/// The one spelling of an environment's name: trimmed, lower case, `prd`/`production` as `prod`, `stg` as `staging`.
pub fn canonical(name: &str) -> String {
    match name.trim().to_ascii_lowercase().as_str() {
        "prd" | "production" => "prod".to_owned(),
        "stg" => "staging".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn spellings_of_one_place_are_one_name() {
        for (given, name) in [("prd", "prod"), ("Production", "prod"), ("stg", "staging"), (" dev ", "dev")] {
            assert_eq!(canonical(given), name);
        }
    }
}
