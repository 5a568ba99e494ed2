//! Background work: memory limits, idle environments.

use std::sync::Weak;
use std::time::Duration;

use crate::memory;
use crate::pool::Pools;
use crate::starter::Starter;

/// How often busy environments are measured.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);
/// Processes and threads of one function, as on AWS.
const MAX_PROCESSES: usize = 1024;

/// When memory is short, what has been idle for this long goes.
const SHORT_IDLE: Duration = Duration::from_secs(1);

/// Kills what exceeds its memory setting or forks without end. Sleeps while nothing runs.
pub(crate) async fn limits(pools: Weak<Pools>) {
    loop {
        tokio::time::sleep(MEMORY_INTERVAL).await;
        let Some(pools) = pools.upgrade() else { return };
        let busy: Vec<_> = pools.every().into_iter().filter(|environment| environment.is_busy()).collect();
        if busy.is_empty() {
            if pools.is_closing() {
                return;
            }
            // Not for ever: an executor that was dropped must be let go.
            let _ = tokio::time::timeout(Duration::from_secs(5), pools.activity.notified()).await;
            continue;
        }
        // Reading /proc blocks for some microseconds per process: not on the tasks' threads.
        let measured = tokio::task::spawn_blocking(move || {
            for environment in busy {
                let usage = environment.measure();
                let limit_kb = u64::from(environment.spec.memory_mb) * 1024;
                if usage.own_kb > limit_kb || usage.processes > MAX_PROCESSES {
                    tracing::debug!(
                        function = environment.spec.name,
                        own_kb = usage.own_kb,
                        processes = usage.processes,
                        "over its limit"
                    );
                    environment.end_process();
                }
            }
        });
        let _ = measured.await;
    }
}

/// Ends environments that nobody has used for long, and more of them where the machine runs out of memory.
pub(crate) async fn idle(starter: Weak<Starter>) {
    let Some(limit) = starter.upgrade().map(|starter| starter.config.idle_eviction) else { return };
    let interval = (limit / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
    loop {
        tokio::time::sleep(interval).await;
        let Some(starter) = starter.upgrade() else { return };
        if starter.pools.is_closing() {
            return;
        }
        starter.pools.evict(limit);
        starter.standbys.evict(limit);
        if memory::is_short() {
            tracing::warn!("memory is short: idle functions are ended");
            starter.standbys.evict(Duration::ZERO);
            starter.pools.evict(SHORT_IDLE);
        }
    }
}
