//! The client that calls endpoints: it looks names up itself and connects to no address that is not public.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

use super::address::Reach;

/// An endpoint that does not even pick up is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Calls endpoints, and knows how far it may reach.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub(super) client: reqwest::Client,
    pub(super) reach: Reach,
}

/// A name that leads nowhere public.
#[derive(Debug, thiserror::Error)]
#[error("{name} leads to {address}, which is not a public address")]
pub(super) struct NotPublic {
    pub(super) name: String,
    pub(super) address: IpAddr,
}

/// Looks a name up.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

impl Web {
    /// A client that asks the system for addresses.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(reach: Reach) -> Result<Self, String> {
        Self::looking_up(reach, Arc::new(|name| Box::pin(system(name))))
    }

    /// A client that asks `lookup` for addresses.
    pub(super) fn looking_up(reach: Reach, lookup: Lookup) -> Result<Self, String> {
        let tls = tls::client_config(None).map_err(|err| err.to_string())?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(Guard { reach, lookup }))
            .connect_timeout(CONNECT_TIMEOUT)
            // Each call finds out anew whether there is a way; and a frozen sandbox wakes up to dead connections.
            .pool_max_idle_per_host(0)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .https_only(reach == Reach::Public)
            .user_agent(concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|err| super::chain(&err))?;
        Ok(Self { client, reach })
    }
}

async fn system(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

/// Gives only those addresses of a name that may be connected to, so that what was checked is what is used.
struct Guard {
    reach: Reach,
    lookup: Lookup,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let looking = (self.lookup)(name.clone());
        let reach = self.reach;
        Box::pin(async move {
            let found = looking.await?;
            let allowed: Vec<_> = found.iter().filter(|address| reach.allows(**address)).copied().collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(address)) => Err(NotPublic { name, address: *address }.into()),
                _ => {
                    // The port is the URL's.
                    let addresses = allowed.into_iter().map(|address| SocketAddr::new(address, 0));
                    Ok(Box::new(addresses) as Addrs)
                }
            }
        })
    }
}
