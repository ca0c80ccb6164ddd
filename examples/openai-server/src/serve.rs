//! The life of the server: start in order, answer, stop in order.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use anyhow::Context as _;
use localauth_core::{OsEntropy, SetupCode};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    access,
    app::{self, Doors, Model},
    connections::{self, Applications, Limits, Manner},
    data_dir, exposure,
    health::Readiness,
    providers,
    settings::Settings,
    tls,
    upstream::Upstreams,
};

/// Serves until a signal ends it.
///
/// # Errors
///
/// Whatever keeps it from starting, each in one line.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    data_dir::prepare(&settings.data_dir)?;
    let manner = manner(&settings)?;
    // Before what takes long: an address that is taken shows at once.
    let listener = connections::bind(&settings.listen).await?;
    let address = listener.local_addr()?;
    let stop = stop_signal()?;

    // Whoever can reach an address beyond this machine could otherwise take the house before its owner does.
    // A proxy in front makes a loopback address reachable too.
    let only_here = address.ip().to_canonical().is_loopback()
        && settings.trusted_proxies.is_empty()
        && settings.base_url.as_deref().is_none_or(is_loopback_url);
    let setup_code = if only_here {
        None
    } else {
        Some(SetupCode::generate(&OsEntropy)?)
    };
    let shown_code = setup_code.as_ref().map(|code| code.expose().to_owned());
    let doors = doors(&settings, setup_code).await?;
    let readiness = Readiness::default();
    // A signal ends the start too, however long the model takes.
    let model = tokio::select! {
        model = model(&settings, &doors) => model?,
        () = requested(stop.clone()) => return Ok(()),
    };
    let counts = Arc::clone(&manner.counts);
    let app = app::compose_counted(&settings, doors.clone(), readiness.clone(), model, counts)?;

    readiness.set(true);
    exposure::warn_about(&settings, address);
    let certificates = manner
        .tls
        .clone()
        .map(|pair| tokio::spawn(tls::follow(pair, tls::EVERY)));
    announce(address, manner.tls.is_some(), &doors, shown_code).await?;
    let applications = Applications {
        running: app,
        stopping: app::stopping(&settings, readiness.clone()),
    };
    let asked_to_stop = async {
        requested(stop).await;
        readiness.set(false);
    };
    connections::run(listener, applications, manner, asked_to_stop, settings.shutdown_grace).await;
    if let Some(certificates) = certificates {
        certificates.abort();
    }
    if let Doors::Accounts(auth, _) | Doors::SharedKeys(auth) = &doors {
        auth.shutdown().await.context("the last usage could not be written")?;
    }
    info!("stopped");
    Ok(())
}

/// Whether a public address is one of this machine only.
fn is_loopback_url(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    uri.as_ref().and_then(http::Uri::host).is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}

/// How connections are taken: with the certificate, if there is one, and as many as the system gives.
fn manner(settings: &Settings) -> anyhow::Result<Manner> {
    let tls = settings.tls.clone().map(tls::Pair::open).transpose()?.map(Arc::new);
    let limits = Limits {
        connections: connections::most_connections(settings.bounds.connections, settings.upstream.is_some())?,
        ..Limits::default()
    };
    Ok(Manner {
        limits,
        tls,
        ..Manner::default()
    })
}

async fn doors(settings: &Settings, setup_code: Option<SetupCode>) -> anyhow::Result<Doors> {
    Ok(match (settings.auth, settings.api_keys.is_empty()) {
        (true, _) => {
            let auth = access::open_server(settings, setup_code).await?;
            let providers = providers::configure(settings, &auth)?;
            Doors::Accounts(auth, providers)
        }
        (false, false) => Doors::SharedKeys(access::shared_keys_only(settings).await?),
        (false, true) => Doors::Open,
    })
}

async fn model(settings: &Settings, doors: &Doors) -> anyhow::Result<Model> {
    let auth = match doors {
        Doors::Accounts(auth, _) | Doors::SharedKeys(auth) => Some(auth),
        Doors::Open => None,
    };
    let Some(upstream) = &settings.upstream else {
        return own_model(settings, doors).await;
    };
    if auth.is_none() && !upstream.is_simple() {
        anyhow::bail!(
            "without auth nobody looks at the model that a request names: LOCALAUTH_AUTH=false works with one upstream \
             without aliases; leave auth on, or name one"
        );
    }
    let upstreams = Upstreams::start(upstream, settings, auth).await?;
    Ok(Model {
        routes: upstreams.routes(),
        names: upstreams.models(),
        keeps_owners: true,
        engines: upstream.engines(),
        upstreams: Some(upstreams),
        ..Model::default()
    })
}

#[cfg(feature = "mistralrs")]
async fn own_model(settings: &Settings, doors: &Doors) -> anyhow::Result<Model> {
    use std::sync::Arc;

    use crate::model::{count::Tokenizer, load::load, routes::router, select::Selection};

    let selection = Selection::parse(&settings.model)?;
    let model = load(selection, &settings.data_dir).await?;
    let names = model.runtime.list_models().map_err(anyhow::Error::msg)?;
    let auth = match doors {
        Doors::Accounts(auth, _) => Some(auth),
        Doors::SharedKeys(_) | Doors::Open => None,
    };
    let (routes, stored) = router(&model, settings, auth).await?;
    Ok(Model {
        routes,
        names,
        default: Some(model.alias),
        prompts: Some(Arc::new(Tokenizer::new(model.runtime, stored))),
        keeps_owners: true,
        engines: Vec::new(),
        upstreams: None,
    })
}

#[cfg(not(feature = "mistralrs"))]
fn own_model(_settings: &Settings, _doors: &Doors) -> std::future::Ready<anyhow::Result<Model>> {
    let reason = "this build has no model runtime: set LOCALAUTH_UPSTREAM to the server that it is to stand in front of, \
                  or build it with the feature `mistralrs`";
    std::future::ready(Err(anyhow::anyhow!(reason)))
}

/// The one line on standard output, for programs that wait for it, and beside it what a person may do next.
async fn announce(
    address: SocketAddr,
    is_https: bool,
    doors: &Doors,
    setup_code: Option<String>,
) -> anyhow::Result<()> {
    let origin = format!("{}://{address}", if is_https { "https" } else { "http" });
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {origin}")
        .and_then(|()| out.flush())
        .context("standard output is closed")?;
    drop(out);
    match doors {
        Doors::Accounts(auth, _) if !auth.has_users().await? => {
            let code = match &setup_code {
                Some(code) => {
                    warn!("setup code for the first registration, which makes the administrator: {code}");
                    format!(", \"setupCode\": \"{code}\"")
                }
                None => String::new(),
            };
            info!(
                "nobody has registered yet; the first to do so is the administrator: open {origin}/register in a browser, \
                 or curl -c jar -H 'content-type: application/json' -d '{{\"email\": \"you@example.org\", \
                 \"password\": \"a long and unlikely sentence\"{code}}}' {origin}/api/auth/register"
            );
        }
        Doors::Accounts(..) => {
            info!(
                "open {origin}/ in a browser, or try it: curl -H 'authorization: Bearer YOUR_KEY' {origin}/v1/models"
            );
        }
        Doors::SharedKeys(_) => {
            info!("try it: curl -H 'authorization: Bearer YOUR_KEY' {origin}/v1/models");
        }
        Doors::Open => info!("try it: curl {origin}/v1/models"),
    }
    Ok(())
}

/// Counts the signals to stop. The second one ends the process at once.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            if tokio::signal::ctrl_c().await.is_err() {
                return;
            }
            if sender.send_replace(true) {
                info!("stopping at once");
                std::process::exit(130);
            }
        }
    });
    Ok(receiver)
}

async fn requested(mut stop: watch::Receiver<bool>) {
    // Without a sender no signal can come: then only the other side of a select ends.
    if stop.wait_for(|requested| *requested).await.is_err() {
        std::future::pending::<()>().await;
    }
}
