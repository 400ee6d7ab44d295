//! `template.yaml` as SAM translates it, and what each environment makes of it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use config::{Deployment, Environment, WatchFile};
use serde_json::Value;
use testkit::binaries::workspace;

/// Every environment that `samconfig.toml` deploys to.
pub(crate) const ENVIRONMENTS: [&str; 4] = ["local", "dev", "staging", "prod"];

/// The plain CloudFormation template that is deployed.
pub(crate) fn template() -> &'static Value {
    static TRANSLATED: OnceLock<Value> = OnceLock::new();
    TRANSLATED.get_or_init(|| localstack::lint::translated().expect("SAM translates it"))
}

/// The resources of one type, by logical id.
pub(crate) fn resources(of: &str) -> BTreeMap<&'static str, &'static Value> {
    let all = template()["Resources"].as_object().expect("resources").iter();
    let found: BTreeMap<_, _> = all
        .filter(|(_, resource)| resource["Type"] == of)
        .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
        .collect();
    assert!(!found.is_empty(), "no {of}");
    found
}

/// One environment's deployment.
pub(crate) fn deployment(environment: &str) -> Deployment {
    let read = |file: &str| std::fs::read_to_string(workspace().join(file)).expect(file);
    let environment = Environment::parse(environment).expect("an environment");
    Deployment::read(&read("template.yaml"), &read("samconfig.toml"), &environment).expect("a deployment")
}

/// One environment's watch file.
pub(crate) fn watch_file(environment: &str) -> WatchFile {
    let path = workspace().join(format!("config/{environment}.toml"));
    let environment = Environment::parse(environment).expect("an environment");
    WatchFile::load(&path, &environment).expect("a watch file without mistakes")
}

/// A number that stands in the template or is a parameter's value in this environment.
pub(crate) fn number(value: &Value, deployment: &Deployment) -> f64 {
    let text = value["Ref"].as_str().and_then(|parameter| deployment.parameter(parameter));
    let number = text.map_or_else(|| value.as_f64().or_else(|| value.as_str()?.parse().ok()), |text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{value} is no number"))
}
