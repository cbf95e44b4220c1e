//! Owns questions about memory: how much this process has used at most, how much the machine has free. Used by the
//! engine's reports and before weights are loaded.

/// The largest resident size of this process so far, where the system tells it.
pub fn peak_memory_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    }
    #[cfg(not(target_os = "linux"))]
    {
        // No high-water mark through a portable interface: the present size is a lower bound.
        let pid = sysinfo::get_current_pid().ok()?;
        let mut system = sysinfo::System::new();
        system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), true);
        system.process(pid).map(sysinfo::Process::memory)
    }
}

/// Memory that the machine can give without swapping.
pub fn available_bytes() -> u64 {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    system.available_memory()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_uses_some_memory_and_the_machine_has_some() {
        assert!(peak_memory_bytes().is_none_or(|bytes| bytes > 1 << 20));
        assert!(available_bytes() > 0);
    }
}
