//! Writes what people read, from the templates in `templates/`, escaped for where it is shown.
//!
//! Values are escaped here, before they meet a template, because each channel has its own rules; templates therefore write
//! `{{{name}}}` and never `{{name}}`, which would escape once more.

mod cut;
mod template;
mod values;

use domain::Notification;
use domain::notification::truncate;

pub(crate) use cut::{cut_raw, cut_visible};

use crate::error::NotifyError;
use template::Template;
use values::Values;

/// The longest title that is shown whole; Alertmanager holds Slack's to it, and nobody reads further. Characters.
const LONGEST_TITLE: usize = 1_024;

/// Makes a text safe for where it is shown.
type Escape = fn(&str) -> String;

/// One line: how bad, where, what. Without line breaks, and not escaped.
pub(crate) fn title(notification: &Notification) -> Result<String, NotifyError> {
    let title = template::render(Template::Title, Values::of(notification, str::to_owned).finish())?;
    Ok(one_line(&title))
}

/// The lines below the title, for whatever shows plain text.
pub(crate) fn plain_body(notification: &Notification) -> Result<String, NotifyError> {
    template::render(Template::Body, Values::of(notification, str::to_owned).finish())
}

/// A mail: title and body.
pub(crate) fn sns(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Sns, notification, repeat, str::to_owned)
}

/// The summary of an incident.
pub(crate) fn pagerduty(notification: &Notification) -> Result<String, NotifyError> {
    shown(Template::Pagerduty, notification, false, str::to_owned).map(|summary| one_line(&summary))
}

/// The first line of a message to Slack, in its mrkdwn.
pub(crate) fn slack_title(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Slack, notification, repeat, without_markup)
}

/// What stands below it.
pub(crate) fn slack_body(notification: &Notification) -> Result<String, NotifyError> {
    template::render(Template::Body, Values::of(notification, without_markup).finish())
}

/// A whole message to Telegram, in its HTML.
pub(crate) fn telegram(notification: &Notification, repeat: bool) -> Result<String, NotifyError> {
    shown(Template::Telegram, notification, repeat, without_markup)
}

fn shown(template: Template, notification: &Notification, repeat: bool, escape: Escape) -> Result<String, NotifyError> {
    let title = truncate(&title(notification)?, LONGEST_TITLE);
    template::render(template, Values::of(notification, escape).titled(&title, repeat).finish())
}

/// Replaces the three characters that begin markup in Slack's mrkdwn and in Telegram's HTML, and no others: neither knows
/// many more entities. <https://docs.slack.dev/messaging/formatting-message-text>
/// <https://core.telegram.org/bots/api#html-style>
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
