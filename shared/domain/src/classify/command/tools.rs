//! Tools with verbs: containers, clusters, infrastructure, the cloud, git. A verb counts where the tool expects it: after
//! its options and the word for what it acts on.

use super::words::{Clause, Word};

/// A tool, the objects that may stand before its verb, and the verbs that destroy or stop.
struct Tool {
    names: &'static [&'static str],
    objects: &'static [&'static str],
    verbs: &'static [&'static str],
}

const TOOLS: [Tool; 8] = [
    Tool {
        names: &["docker", "podman", "nerdctl", "docker-compose", "podman-compose"],
        objects: &[
            "compose",
            "container",
            "image",
            "volume",
            "network",
            "system",
            "service",
            "stack",
            "swarm",
            "node",
            "builder",
            "context",
            "secret",
            "config",
        ],
        verbs: &["stop", "rm", "kill", "down", "rmi", "prune", "remove", "leave"],
    },
    Tool { names: &["kubectl", "oc"], objects: &[], verbs: &["delete", "drain"] },
    Tool { names: &["helm"], objects: &[], verbs: &["uninstall", "delete", "del", "un"] },
    Tool {
        names: &["terraform", "tofu", "terragrunt", "pulumi", "cdk", "vagrant"],
        objects: &["run-all", "run", "stack", "state", "workspace"],
        verbs: &["destroy", "rm", "delete"],
    },
    Tool { names: &["sam"], objects: &[], verbs: &["delete"] },
    Tool { names: &["serverless", "sls"], objects: &[], verbs: &["remove"] },
    Tool {
        names: &["systemctl"],
        objects: &[],
        verbs: &["stop", "disable", "mask", "kill", "reboot", "poweroff", "halt"],
    },
    Tool { names: &["gsutil"], objects: &[], verbs: &["rm", "rb"] },
];

/// Tools whose verb stands behind a path of nouns: `gcloud compute instances delete`.
const DEEP: [&str; 3] = ["gcloud", "az", "doctl"];
const AWS: [&str; 2] = ["aws", "awslocal"];
/// The beginnings of AWS operations that destroy or stop.
const AWS_OPERATIONS: [&str; 7] =
    ["delete-", "terminate-", "purge-", "stop-", "reboot-", "deregister-", "batch-delete-"];

pub(super) fn destroys(clause: Clause<'_>) -> bool {
    let words = clause.words;
    words.iter().enumerate().any(|(n, word)| {
        let after = &words[n + 1..];
        let program = word.program();
        TOOLS.iter().any(|tool| tool.names.contains(&program) && tool.verb(after).is_some())
    }) || applies_a_destruction(words)
        || after(words, &["kubectl", "oc"]).is_some_and(|given| {
            given.iter().any(|word| word.text == "--replicas=0")
                || given.windows(2).any(|pair| pair[0].text == "--replicas" && pair[1].text == "0")
        })
        || acts_on_the_cloud(words)
        || forces_a_push(words)
}

/// What stands behind the first word that is one of these programs.
fn after<'a>(words: &'a [Word<'a>], names: &[&str]) -> Option<&'a [Word<'a>]> {
    words.iter().position(|word| names.contains(&word.program())).map(|at| &words[at + 1..])
}

impl Tool {
    /// The verb that follows the tool's name, past options, their values and the words for what it acts on.
    fn verb<'a>(&self, words: &[Word<'a>]) -> Option<&'a str> {
        let mut takes_value = false;
        for word in words {
            if word.is(self.verbs) {
                return Some(word.text);
            }
            if self.names.contains(&word.program()) && !word.is(self.objects) {
                return None;
            }
            if word.text.starts_with('-') {
                takes_value = !word.text.contains('=');
            } else if word.is(self.objects) || takes_value {
                takes_value = false;
            } else {
                return None;
            }
        }
        None
    }
}

/// `terraform apply -destroy`.
fn applies_a_destruction(words: &[Word<'_>]) -> bool {
    after(words, &["terraform", "tofu", "terragrunt"]).is_some_and(|given| {
        given.iter().any(|word| word.text == "apply")
            && given
                .iter()
                .any(|word| matches!(word.text, "-destroy" | "--destroy" | "-destroy=true" | "--destroy=true"))
    })
}

/// Whether the next word may be an option's value.
fn takes_value(option: &str) -> bool {
    option.starts_with("--") && !option.contains('=') && !option.starts_with("--no-") && option != "--debug"
}

fn acts_on_the_cloud(words: &[Word<'_>]) -> bool {
    // Nouns and options only: an article or a preposition would make it prose.
    let command = |names: &[&str]| {
        let given = after(words, names).unwrap_or_default();
        given.iter().take_while(|word| !word.is_filler())
    };
    let s3 = command(&AWS).any(|word| word.text == "s3");
    // Files and the values of options may be called like operations.
    let aws = after(words, &AWS).unwrap_or_default();
    let names = |n: &usize| n.checked_sub(1).is_some_and(|before| takes_value(aws[before].text));
    let operations = command(&AWS).enumerate().filter(|(n, word)| !names(n) && !word.text.contains('.'));
    operations.map(|(_, word)| word).any(|word| AWS_OPERATIONS.iter().any(|verb| word.text.starts_with(verb)))
        || (s3 && command(&AWS).any(|word| word.is(&["rm", "rb", "--delete"])))
        || command(&DEEP).any(|word| word.is(&["delete", "purge", "stop", "deallocate", "delete-batch"]))
}

/// `git push` that overwrites or deletes what is there; `git clean -f` and `git reset --hard`, which lose what was not
/// committed.
fn forces_a_push(words: &[Word<'_>]) -> bool {
    let git = after(words, &["git"]).unwrap_or_default();
    let cleans = after(git, &["clean"]).is_some_and(|given| {
        given.iter().any(|word| {
            word.text == "--force"
                || (word.text.starts_with('-') && !word.text.starts_with("--") && word.text.contains('f'))
        })
    });
    if cleans || after(git, &["reset"]).is_some_and(|given| given.iter().any(|word| word.text == "--hard")) {
        return true;
    }
    let Some(push) = after(words, &["git"]).and_then(|given| after(given, &["push"])) else { return false };
    push.iter().any(|word| {
        let flags = word.text.strip_prefix('-').filter(|flags| flags.bytes().all(|c| c.is_ascii_alphabetic()));
        matches!(word.text, "--force" | "--delete" | "--mirror" | "--prune")
            || flags.is_some_and(|flags| flags.contains(['f', 'd']))
            || (word.text.len() > 1 && word.text.starts_with(['+', ':']))
    })
}
