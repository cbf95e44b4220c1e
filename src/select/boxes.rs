//! Owns sums over square windows, whatever their radius at one cost. Used by refine. Must never let the order of threads
//! matter: each sum is made by one of them.

/// Replaces every value by the sum over the window of `radius` to each side, cut at the plane's border. `scratch` is
/// kept between calls.
pub(super) fn box_sums(plane: &mut [f32], width: usize, radius: usize, scratch: &mut Vec<f32>) {
    if width == 0 || plane.is_empty() {
        return;
    }
    let height = plane.len() / width;
    scratch.clear();
    scratch.resize(width.max(height) + 1, 0.0);
    for row in plane.chunks_exact_mut(width) {
        let line = &mut scratch[..width];
        line.copy_from_slice(row);
        let mut sum: f32 = line[..radius.min(width)].iter().sum();
        for (x, to) in row.iter_mut().enumerate() {
            if let Some(next) = line.get(x + radius) {
                sum += next;
            }
            *to = sum;
            if x >= radius {
                sum -= line[x - radius];
            }
        }
    }
    let mut sums = vec![0.0; width];
    let source = plane.to_vec();
    let row = |y: usize| &source[y * width..][..width];
    for y in 0..radius.min(height) {
        add(&mut sums, row(y), 1.0);
    }
    for (y, to) in plane.chunks_exact_mut(width).enumerate() {
        if y + radius < height {
            add(&mut sums, row(y + radius), 1.0);
        }
        to.copy_from_slice(&sums);
        if y >= radius {
            add(&mut sums, row(y - radius), -1.0);
        }
    }
}

fn add(sums: &mut [f32], row: &[f32], sign: f32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += sign * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_window() {
        let (width, height) = (7, 5);
        let plane: Vec<f32> = (0..width * height).map(|i| (i * i % 11) as f32).collect();
        for radius in 0..9 {
            let mut got = plane.clone();
            box_sums(&mut got, width, radius, &mut Vec::new());
            for (at, sum) in got.iter().enumerate() {
                let (x, y) = (at % width, at / width);
                let inside = |i: &usize| {
                    (i % width).abs_diff(x) <= radius && (i / width).abs_diff(y) <= radius
                };
                let want: f32 = (0..plane.len()).filter(inside).map(|i| plane[i]).sum();
                assert_eq!(*sum, want, "radius {radius} at {x} {y}");
            }
        }
    }
}
