//! What README shows can be deployed.

use config::{Deployment, Environment, WatchFile};
use testkit::binaries::workspace;

#[test]
fn the_smallest_watch_file_fits_a_deployment_without_the_pipelines_alarms() {
    let read = |file: &str| std::fs::read_to_string(workspace().join(file)).expect(file);
    let readme = read("README.md");
    let (_, after) = readme.split_once("The smallest that works").expect("the place");
    let (_, shown) = after.split_once("```toml\n").expect("a watch file");
    let (shown, _) = shown.split_once("```").expect("its end");
    let environment = Environment::parse("dev").expect("an environment");
    let watch_file = WatchFile::parse(shown, "README.md", &environment).expect("a watch file without mistakes");
    let problems = |parameters: &str| {
        let samconfig = format!("[dev.deploy.parameters]\nparameter_overrides = [{parameters}]\n");
        let deployment = Deployment::read(&read("template.yaml"), &samconfig, &environment).expect("a deployment");
        deployment.problems(&watch_file)
    };
    let told = problems("");
    assert!(!told.is_empty() && told.iter().all(|one| one.contains("PipelineAlarms=disabled")), "{told:?}");
    assert_eq!(problems("\"PipelineAlarms=disabled\""), Vec::<String>::new());
}
