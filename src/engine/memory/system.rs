//! Owns questions to the system about memory: how much this process uses and has used at most, how much the machine has free. Used by the
//! engine's reports and before weights are loaded.

/// The largest resident size of this process so far (since [`forget_peak`], where the system can forget), where the system tells it.
pub fn peak_memory_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        status_bytes("VmHWM:")
    }
    #[cfg(not(target_os = "linux"))]
    {
        // No high-water mark through a portable interface: the present size is a lower bound.
        resident_bytes()
    }
}

/// The resident size of this process now.
pub fn resident_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        status_bytes("VmRSS:")
    }
    #[cfg(not(target_os = "linux"))]
    {
        let pid = sysinfo::get_current_pid().ok()?;
        let mut system = sysinfo::System::new();
        system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        system.process(pid).map(sysinfo::Process::memory)
    }
}

#[cfg(target_os = "linux")]
fn status_bytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Starts the high-water mark anew, so that a job's peak is its own. Does nothing where the system can't.
pub fn forget_peak() {
    #[cfg(target_os = "linux")]
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        log::debug!("the peak of memory is the whole process's: {error}");
    }
}

/// Memory that the machine, or the container that this process runs in, can give without swapping.
pub fn available_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    let container = system
        .cgroup_limits()
        .filter(|limits| limits.total_memory > 0)
        .map(|limits| limits.total_memory.saturating_sub(limits.rss));
    container.map_or(machine, |bytes| machine.min(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_uses_some_memory_and_the_machine_has_some() {
        assert!(peak_memory_bytes().is_none_or(|bytes| bytes > 1 << 20));
        assert!(resident_bytes().is_none_or(|bytes| bytes > 1 << 20));
        assert!(available_bytes() > 0);
    }
}
