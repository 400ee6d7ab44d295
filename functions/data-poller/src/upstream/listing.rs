//! Lists what mirrors hold, each prefix once in an invocation; a mirror that does not answer is not asked again.

use config::watch_file::{Mirror, Place, Source};
use domain::Timestamp;
use domain::upstream::KeyPattern;
use domain::upstream::pattern::Wanted;

use super::{Listed, Looker, http, s3};

impl Looker<'_> {
    /// What a mirror holds of these patterns, by one listing for each way in which their keys begin.
    pub(super) async fn list_all(
        &mut self,
        source: &Source,
        name: &str,
        patterns: &[KeyPattern],
        (from, to): (Timestamp, Timestamp),
    ) -> Listed {
        let Some(mirror) = source.mirrors.get(name) else { return Err("it is not in the watch file".to_owned()) };
        if let Place::Http { url } = &mirror.place {
            return self.ask_each(name, url, patterns, from).await;
        }
        let mut prefixes: Vec<String> = patterns.iter().flat_map(|pattern| pattern.prefixes(from, to)).collect();
        prefixes.sort();
        // What begins with another prefix is in its listing.
        prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter.as_str()));
        let mut objects = Vec::new();
        for prefix in prefixes {
            objects.extend(self.list(name, mirror, prefix).await?);
        }
        Ok(objects)
    }

    async fn list(&mut self, name: &str, mirror: &Mirror, prefix: String) -> Listed {
        if let Some(why) = self.unreadable.get(name) {
            return Err(why.clone());
        }
        let key = (name.to_owned(), prefix);
        if let Some(listed) = self.listed.get(&key) {
            return listed.clone();
        }
        let Place::S3 { bucket, region } = &mirror.place else { return Err("it is no bucket".to_owned()) };
        let place = s3::At { bucket, region: region.as_ref(), anonymous: mirror.anonymous };
        self.listings += 1;
        let listed = self.mirrors.buckets.list(place, &key.1, self.until).await;
        if let Err(why) = &listed {
            tracing::warn!(mirror = name, prefix = key.1, why, "A mirror could not be listed");
            self.unreadable.insert(name.to_owned(), why.clone());
        }
        self.listed.insert(key, listed.clone());
        listed
    }

    /// A web server lists nothing: each file is asked for, until one is missing.
    async fn ask_each(&mut self, name: &str, url: &str, patterns: &[KeyPattern], at: Timestamp) -> Listed {
        let keys: Vec<String> = patterns
            .iter()
            .flat_map(|pattern| pattern.wanted(at))
            .filter_map(|wanted| match wanted {
                Wanted::Key(key) => Some(key),
                Wanted::Like(_) => None,
            })
            .collect();
        let cached = (name.to_owned(), keys.first().cloned().unwrap_or_default());
        if let Some(why) = self.unreadable.get(name) {
            return Err(why.clone());
        }
        if let Some(listed) = self.listed.get(&cached) {
            return listed.clone();
        }
        self.listings += 1;
        let listed = http::ask(self.http, url, &keys, self.until).await;
        if let Err(why) = &listed {
            tracing::warn!(mirror = name, why, "A mirror could not be asked");
            self.unreadable.insert(name.to_owned(), why.clone());
        }
        self.listed.insert(cached, listed.clone());
        listed
    }
}
