//! The templates, embedded, and the engine behind them.

use std::borrow::Cow;

use mustache2::Data;
use mustache2::render::provider::SourceProvider;
use mustache2::render::{RenderManager, SourceCache};
use outbound::Cause;

use crate::error::NotifyError;

/// One of the files in `templates/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Template {
    Title,
    Body,
    Sns,
    Pagerduty,
    Slack,
    Telegram,
    /// A partial that a template names and that does not exist.
    Missing,
}

/// Every template by the name that `{{>name}}` would give it.
const TEMPLATES: [(Template, &str, &str); 6] = [
    (Template::Title, "title", include_str!("../../templates/title.mustache")),
    (Template::Body, "body", include_str!("../../templates/body.mustache")),
    (Template::Sns, "sns", include_str!("../../templates/sns.mustache")),
    (Template::Pagerduty, "pagerduty", include_str!("../../templates/pagerduty.mustache")),
    (Template::Slack, "slack", include_str!("../../templates/slack.mustache")),
    (Template::Telegram, "telegram", include_str!("../../templates/telegram.mustache")),
];

/// Fills a template. What it writes ends without a line break.
///
/// # Errors
/// When the template is wrong: a mistake of ours, which no try later mends.
pub(super) fn render(template: Template, values: Data) -> Result<String, NotifyError> {
    let cache = SourceCache::default();
    let rendered = RenderManager::new(Embedded, &cache).render(template, values);
    let mut text = rendered.map_err(|err| {
        NotifyError::Permanent(Cause::plain(format!("the template {} is wrong: {}", name_of(template), err.message)))
    })?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

fn name_of(template: Template) -> &'static str {
    TEMPLATES.iter().find(|(each, _, _)| *each == template).map_or("a missing partial", |(_, name, _)| name)
}

/// Gives the engine what is embedded.
struct Embedded;

impl SourceProvider for Embedded {
    type Key = Template;

    fn get_src(&mut self, key: &Template) -> Result<String, Cow<'static, str>> {
        let found = TEMPLATES.iter().find(|(each, _, _)| each == key);
        found.map(|(_, _, text)| (*text).to_owned()).ok_or(Cow::Borrowed("there is no such template"))
    }

    fn resolve_partial(&self, _within: &Template, name: &str) -> Template {
        TEMPLATES.iter().find(|(_, each, _)| *each == name).map_or(Template::Missing, |(template, _, _)| *template)
    }

    fn display_key(key: &Template) -> Cow<'_, str> {
        Cow::Borrowed(name_of(*key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_sound_and_escapes_nothing_twice() {
        for (template, name, text) in TEMPLATES {
            assert!(render(template, Data::Null).is_ok(), "{name}");
            // What is left are sections, partials, comments; a name here would be escaped as HTML.
            let others = text.replace("{{{", "");
            let mut tags = others.split("{{").skip(1);
            assert!(tags.all(|tag| tag.starts_with(['#', '^', '/', '>', '!'])), "{name} writes {{{{name}}}}");
        }
    }

    #[test]
    fn values_are_never_read_as_templates() {
        let values =
            Data::map_from([("own".to_owned(), Data::map_from([("title".to_owned(), "{{>body}}{{x".into())]))]);
        assert_eq!(render(Template::Title, values).expect("a title"), "{{>body}}{{x");
    }
}
