//! Extensions: programs in `/opt/extensions`, and threads of the runtime's own, that take part in an environment's life.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// Extensions have this long after a SHUTDOWN event.
pub(crate) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>: "You can register up to ten extensions"
const MOST: usize = 10;

/// What an extension can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Invoke,
    Shutdown,
}

impl EventKind {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "INVOKE" => Some(EventKind::Invoke),
            "SHUTDOWN" => Some(EventKind::Shutdown),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            EventKind::Invoke => "INVOKE",
            EventKind::Shutdown => "SHUTDOWN",
        }
    }
}

/// Why an environment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    Spindown,
    Timeout,
}

impl ShutdownReason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            ShutdownReason::Spindown => "spindown",
            ShutdownReason::Timeout => "timeout",
        }
    }
}

/// An event, as JSON text.
pub(crate) type Event = String;

/// A refusal: the error's type and message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str, pub(crate) String);

#[derive(Debug)]
struct Extension {
    name: String,
    /// Given when it registers.
    id: Option<String>,
    events: Vec<EventKind>,
    is_external: bool,
    /// It asks for its next event.
    waiting: Option<oneshot::Sender<Event>>,
    /// It has an event, and has not asked for another yet.
    is_busy: bool,
    /// The SHUTDOWN event, when it came while the extension was busy.
    queued: Option<Event>,
}

/// The extensions of one environment.
#[derive(Debug)]
pub(crate) struct Extensions {
    all: Mutex<Vec<Extension>>,
    changed: Notify,
}

impl Extensions {
    /// `external`: the names of the programs that are started.
    pub(crate) fn new(external: &[String]) -> Self {
        let extension = |name: &String| Extension {
            name: name.clone(),
            id: None,
            events: Vec::new(),
            is_external: true,
            waiting: None,
            is_busy: false,
            queued: None,
        };
        Self { all: Mutex::new(external.iter().map(extension).collect()), changed: Notify::new() }
    }

    /// Gives the identifier. `is_init`: the runtime has not asked for an event yet.
    pub(crate) fn register(&self, name: &str, events: &[String], is_init: bool) -> Result<String, Refusal> {
        if name.is_empty() {
            return Err(Refusal("Extension.InvalidExtensionName", "Empty extension name".to_owned()));
        }
        let mut all = self.all.lock();
        let at = all.iter().position(|extension| extension.name == name);
        let is_external = at.and_then(|at| all.get(at)).is_some_and(|extension| extension.is_external);
        let mut kinds = Vec::new();
        for event in events {
            match EventKind::parse(event) {
                Some(EventKind::Shutdown) if !is_external => {
                    let cause = "SHUTDOWN event not supported for internal extensions";
                    return Err(Refusal("Extension.InvalidEventType", format!("{event}: {cause}")));
                }
                Some(kind) => kinds.push(kind),
                None => {
                    return Err(Refusal("Extension.InvalidEventType", format!("{event}: invalid event")));
                }
            }
        }
        let id = uuid::Uuid::new_v4().to_string();
        let count = all.len();
        match at.and_then(|at| all.get_mut(at)) {
            Some(extension) if extension.id.is_none() => {
                extension.id = Some(id.clone());
                extension.events = kinds;
            }
            Some(_) => {
                let message = "Extension with this name already registered".to_owned();
                return Err(Refusal("Extension.InvalidExtensionState", message));
            }
            None if !is_init => {
                let message = "Extension registration closed already".to_owned();
                return Err(Refusal("Extension.RegistrationClosed", message));
            }
            None if count >= MOST => {
                return Err(Refusal("Extension.TooManyExtensions", format!("Extension limit ({MOST}) reached")));
            }
            None => all.push(Extension {
                name: name.to_owned(),
                id: Some(id.clone()),
                events: kinds,
                is_external: false,
                waiting: None,
                is_busy: false,
                queued: None,
            }),
        }
        Ok(id)
    }

    /// Waits for the next event; it has done with the one before. `None` inside: none will come.
    pub(crate) async fn next(&self, id: &str) -> Result<Option<Event>, Refusal> {
        let receiver = {
            let mut all = self.all.lock();
            let Some(extension) = find(&mut all, id) else { return Err(unknown(id)) };
            if let Some(event) = extension.queued.take() {
                return Ok(Some(event));
            }
            let (sender, receiver) = oneshot::channel();
            extension.waiting = Some(sender);
            extension.is_busy = false;
            receiver
        };
        self.changed.notify_waiters();
        Ok(receiver.await.ok())
    }

    /// The extension's name, when there is one of that identifier.
    pub(crate) fn name(&self, id: &str) -> Result<String, Refusal> {
        find(&mut self.all.lock(), id).map(|extension| extension.name.clone()).ok_or_else(|| unknown(id))
    }

    /// Whether every program has registered and asks for events, and every other extension asks too.
    fn is_ready(&self) -> bool {
        self.all.lock().iter().all(|extension| extension.waiting.is_some())
    }

    /// Waits until all are ready.
    pub(crate) async fn ready(&self) {
        self.until(Self::is_ready).await;
    }

    /// Whether an invocation's event is still being worked on.
    pub(crate) fn is_busy(&self) -> bool {
        self.all.lock().iter().any(|extension| extension.is_busy)
    }

    /// Waits until all have done with their event.
    pub(crate) async fn idle(&self) {
        self.until(|extensions| !extensions.is_busy()).await;
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    /// Tells those that want to know, a SHUTDOWN also when they ask for their next event; gives how many there were.
    pub(crate) fn tell(&self, kind: EventKind, event: impl Fn() -> serde_json::Value) -> usize {
        let mut told = 0;
        for extension in self.all.lock().iter_mut().filter(|extension| extension.events.contains(&kind)) {
            let Some(waiting) = extension.waiting.take() else {
                if kind == EventKind::Shutdown && extension.id.is_some() {
                    extension.queued = Some(event().to_string());
                    told += 1;
                }
                continue;
            };
            if waiting.send(event().to_string()).is_ok() {
                extension.is_busy = true;
                told += 1;
            }
        }
        told
    }

    /// What the log has of each: tab-separated name, state and events.
    pub(crate) fn lines(&self) -> Vec<String> {
        let all = self.all.lock();
        let line = |extension: &Extension| {
            let events: Vec<&str> = extension.events.iter().map(|event| event.name()).collect();
            let state = if extension.waiting.is_some() { "Ready" } else { "Registered" };
            format!("EXTENSION\tName: {}\tState: {state}\tEvents: [{}]\n", extension.name, events.join(","))
        };
        all.iter().map(line).collect()
    }
}

fn find<'a>(all: &'a mut [Extension], id: &str) -> Option<&'a mut Extension> {
    all.iter_mut().find(|extension| extension.id.as_deref() == Some(id))
}

fn unknown(id: &str) -> Refusal {
    Refusal("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_extension_registers_once_and_asks_for_events() {
        let extensions = Extensions::new(&["one".to_owned()]);
        let both = ["INVOKE".to_owned(), "SHUTDOWN".to_owned()];
        let refusal = |result: Result<String, Refusal>| result.unwrap_err().0;
        assert_eq!(refusal(extensions.register("", &both, true)), "Extension.InvalidExtensionName");
        assert_eq!(refusal(extensions.register("one", &["X".to_owned()], true)), "Extension.InvalidEventType");
        assert_eq!(refusal(extensions.register("inside", &both, true)), "Extension.InvalidEventType");
        let id = extensions.register("one", &both, true).unwrap();
        assert_eq!(refusal(extensions.register("one", &both, true)), "Extension.InvalidExtensionState");
        assert_eq!(refusal(extensions.register("late", &both[..1], false)), "Extension.RegistrationClosed");
        assert!(!extensions.is_ready());
        assert_eq!(extensions.next("nobody").await.unwrap_err().0, "Extension.UnknownExtensionIdentifier");
        let event = serde_json::json!({ "eventType": "INVOKE" });
        let (got, ()) = tokio::join!(extensions.next(&id), async {
            extensions.ready().await;
            assert_eq!(extensions.lines(), ["EXTENSION\tName: one\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n"]);
            assert_eq!(extensions.tell(EventKind::Invoke, || event.clone()), 1);
        });
        assert_eq!(got.unwrap().as_deref(), Some(r#"{"eventType":"INVOKE"}"#));
        assert!(extensions.is_busy());
        assert_eq!(extensions.tell(EventKind::Invoke, || event.clone()), 0, "it does not ask now");
        assert_eq!(extensions.tell(EventKind::Shutdown, || serde_json::json!(1)), 1, "it will ask");
        assert_eq!(extensions.next(&id).await.unwrap().as_deref(), Some("1"));
    }
}
