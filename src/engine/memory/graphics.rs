//! Owns finding out how much memory a graphics card has, which no graphics interface tells portably: from the kernel where it says so, else
//! from the vendor's own tool. Called in the child process that probes devices; `None` is a good answer. Must never take long.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The vendor's tool is given up after this.
const PATIENCE: Duration = Duration::from_secs(4);

/// Bytes of the card at a PCI address such as `0000:01:00.0`.
pub fn dedicated_bytes(pci_bus_id: &str) -> Option<u64> {
    let is_plain = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    if pci_bus_id.is_empty() || !pci_bus_id.chars().all(is_plain) {
        return None;
    }
    let file = Path::new("/sys/bus/pci/devices")
        .join(pci_bus_id.to_lowercase())
        .join("mem_info_vram_total");
    let told = std::fs::read_to_string(file).ok();
    told.and_then(|text| text.trim().parse().ok())
        .or_else(|| listed(&nvidia_list()?, pci_bus_id))
}

/// `bus id, MiB`, a card a line.
fn nvidia_list() -> Option<String> {
    let mut child = Command::new("nvidia-smi")
        .args([
            "--query-gpu=pci.bus_id,memory.total",
            "--format=csv,noheader,nounits",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The tool writes the PCI domain with eight digits, graphics interfaces with four.
fn listed(list: &str, pci_bus_id: &str) -> Option<u64> {
    let wanted = pci_bus_id.to_lowercase();
    list.lines().find_map(|line| {
        let (bus, mib) = line.split_once(',')?;
        let bus = bus.trim().to_lowercase();
        let mib: u64 = mib.trim().parse().ok()?;
        bus.ends_with(&wanted).then_some(mib << 20)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_is_found_by_its_address() {
        let list = "00000000:01:00.0, 24564\n00000000:41:00.0, 8192\nnonsense\n";
        assert_eq!(listed(list, "0000:41:00.0"), Some(8192 << 20));
        assert_eq!(listed(list, "0000:42:00.0"), None);
        assert_eq!(dedicated_bytes("../../etc"), None);
        assert_eq!(dedicated_bytes(""), None);
    }
}
