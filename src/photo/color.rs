//! Owns what the numbers of a photograph mean: `ColorSpace`, the way from a photo's own encoded values to
//! display-encoded sRGB and back, built from its ICC profile. Used by crop, blend, display and encode. Must never
//! relabel values: colours change space only by the profile's own curves, matrix or tables.
//!
//! Matrix profiles (sRGB, Display P3, Adobe RGB, ProPhoto) and grey profiles are computed here from the profile's
//! curves and colorants in full float precision; table profiles go through moxcms. Intent: relative colorimetric,
//! colours outside sRGB are clipped a channel at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use moxcms::{
    ColorProfile, DataColorSpace, RenderingIntent, TransformF32Executor, TransformOptions,
};

use super::Photo;
use super::curve::{Curve, srgb_decode, srgb_encode};

/// A profile that stays this close to sRGB everywhere counts as sRGB. The rounding inside profiles alone makes 0.9
/// of an 8-bit step in the darkest channel of saturated colours; the nearest other space differs by far more.
const SAME_AS_SRGB: f32 = 1.5 / 255.0;
/// Rec. 709 luma weights.
const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Conversion between a photo's encoded values (0–1) and display-encoded sRGB (0–1).
pub struct ColorSpace(Kind);

enum Kind {
    Srgb,
    Matrix(Box<Shaper>),
    Tables {
        to: Arc<TransformF32Executor>,
        from: Arc<TransformF32Executor>,
    },
    /// Grey value to sRGB-encoded grey.
    Gray(Curve),
}

/// A profile that was used lately.
struct Known {
    icc: Arc<[u8]>,
    gray: bool,
    space: Arc<ColorSpace>,
}

/// Curves and matrix of an RGB profile.
struct Shaper {
    curves: [Curve; 3],
    to: [[f32; 3]; 3],
    from: [[f32; 3]; 3],
}

impl ColorSpace {
    /// sRGB, the meaning of a photo without a profile.
    pub const fn srgb() -> Self {
        Self(Kind::Srgb)
    }

    /// From an ICC profile for a grey or a colour photo. `Err` says in a few words why it can't be used.
    pub fn new(icc: &[u8], gray: bool) -> Result<Self, String> {
        // A forged profile may make the parser panic; that costs this profile and nothing else.
        catch_unwind(AssertUnwindSafe(|| Self::parse(icc, gray)))
            .unwrap_or_else(|_| Err("it is damaged".into()))
    }

    /// The space of a photo; one whose profile can't be used counts as sRGB. Kept for the next call, since building
    /// tables costs milliseconds and a window asks once a tile.
    pub fn of(photo: &Photo) -> Arc<Self> {
        static RECENT: Mutex<Vec<Known>> = Mutex::new(Vec::new());
        let gray = photo.layout.is_gray();
        let Some(icc) = &photo.icc else {
            return Arc::new(Self::srgb());
        };
        let mut recent = RECENT
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let same = |known: &Known| known.gray == gray && known.icc == *icc;
        if let Some(known) = recent.iter().find(|known| same(known)) {
            return known.space.clone();
        }
        let space = Arc::new(Self::new(icc, gray).unwrap_or_else(|_| Self::srgb()));
        recent.insert(
            0,
            Known {
                icc: icc.clone(),
                gray,
                space: space.clone(),
            },
        );
        recent.truncate(4);
        space
    }

    pub const fn is_srgb(&self) -> bool {
        matches!(self.0, Kind::Srgb)
    }

    /// Converts interleaved RGB triples (0–1) to sRGB in place. For grey photos see [`Self::gray_to_srgb`].
    pub fn to_srgb(&self, rgb: &mut [f32]) {
        match &self.0 {
            Kind::Srgb => {}
            Kind::Gray(curve) => rgb.iter_mut().for_each(|v| *v = curve.eval(*v)),
            Kind::Matrix(shaper) => {
                for pixel in rgb.chunks_exact_mut(3) {
                    let linear: [f32; 3] = std::array::from_fn(|c| shaper.curves[c].eval(pixel[c]));
                    for (value, row) in pixel.iter_mut().zip(&shaper.to) {
                        *value = srgb_encode(dot(row, linear).clamp(0.0, 1.0));
                    }
                }
            }
            Kind::Tables { to, .. } => through(to, rgb),
        }
    }

    /// The inverse of [`Self::to_srgb`]; values outside 0–1 are clipped first.
    pub fn from_srgb(&self, rgb: &mut [f32]) {
        for value in rgb.iter_mut() {
            *value = value.clamp(0.0, 1.0);
        }
        match &self.0 {
            Kind::Srgb => {}
            Kind::Gray(curve) => rgb.iter_mut().for_each(|v| *v = curve.invert(*v)),
            Kind::Matrix(shaper) => {
                for pixel in rgb.chunks_exact_mut(3) {
                    let linear: [f32; 3] = std::array::from_fn(|c| srgb_decode(pixel[c]));
                    for (c, row) in shaper.from.iter().enumerate() {
                        pixel[c] = shaper.curves[c].invert(dot(row, linear).clamp(0.0, 1.0));
                    }
                }
            }
            Kind::Tables { from, .. } => through(from, rgb),
        }
    }

    /// A grey value (0–1) as sRGB-encoded grey.
    pub fn gray_to_srgb(&self, value: f32) -> f32 {
        match &self.0 {
            Kind::Gray(curve) => curve.eval(value),
            _ => value,
        }
    }

    /// The inverse of [`Self::gray_to_srgb`].
    pub fn gray_from_srgb(&self, value: f32) -> f32 {
        match &self.0 {
            Kind::Gray(curve) => curve.invert(value.clamp(0.0, 1.0)),
            _ => value.clamp(0.0, 1.0),
        }
    }

    fn parse(icc: &[u8], gray: bool) -> Result<Self, String> {
        let profile =
            ColorProfile::new_from_slice(icc).map_err(|e| format!("it is damaged: {e}"))?;
        let space = match (profile.color_space, gray) {
            (DataColorSpace::Gray, true) => Self(Kind::Gray(gray_curve(&profile)?)),
            (DataColorSpace::Rgb, true) => {
                let color = Self::from_rgb(&profile)?;
                Self(Kind::Gray(Curve::sample(|v| {
                    let mut pixel = [v; 3];
                    color.to_srgb(&mut pixel);
                    dot(&LUMA, pixel)
                })?))
            }
            (DataColorSpace::Rgb, false) => Self::from_rgb(&profile)?,
            (other, _) => return Err(format!("it is made for {other:?} pictures")),
        };
        Ok(if space.nearly_srgb() {
            Self::srgb()
        } else {
            space
        })
    }

    fn from_rgb(profile: &ColorProfile) -> Result<Self, String> {
        let tables =
            profile.lut_a_to_b_perceptual.is_some() || profile.lut_a_to_b_colorimetric.is_some();
        if !tables && profile.is_matrix_shaper() {
            return Ok(Self(Kind::Matrix(Box::new(Shaper::new(profile)?))));
        }
        let srgb = ColorProfile::new_srgb();
        let options = TransformOptions {
            rendering_intent: RenderingIntent::RelativeColorimetric,
            prefer_fixed_point: false,
            ..TransformOptions::default()
        };
        let rgb = moxcms::Layout::Rgb;
        let to = profile
            .create_transform_f32(rgb, &srgb, rgb, options)
            .map_err(|e| format!("it can't be read: {e}"))?;
        let from = srgb
            .create_transform_f32(rgb, profile, rgb, options)
            .map_err(|e| format!("it has no way back: {e}"))?;
        Ok(Self(Kind::Tables { to, from }))
    }

    fn nearly_srgb(&self) -> bool {
        const STEPS: usize = 16;
        let level = |i: usize| i as f32 / STEPS as f32;
        if let Kind::Gray(curve) = &self.0 {
            return (0..=256).all(|i| {
                let v = i as f32 / 256.0;
                (curve.eval(v) - v).abs() <= SAME_AS_SRGB
            });
        }
        let n = STEPS + 1;
        let grid: Vec<f32> = (0..n * n * n)
            .flat_map(|i| [level(i / (n * n)), level(i / n % n), level(i % n)])
            .collect();
        let mut seen = grid.clone();
        self.to_srgb(&mut seen);
        grid.iter()
            .zip(&seen)
            .all(|(a, b)| (a - b).abs() <= SAME_AS_SRGB)
    }
}

/// The profile for a grey photo that has become RGB with R = G = B = its old samples: sRGB's primaries with the grey
/// profile's tone curve. Every untouched pixel keeps its numbers and its colour. `None` means plain sRGB.
pub(super) fn promoted_profile(icc: &[u8]) -> Option<Vec<u8>> {
    let gray = ColorSpace::new(icc, true).ok()?;
    if gray.is_srgb() {
        return None;
    }
    let parsed = ColorProfile::new_from_slice(icc).ok()?;
    if parsed.color_space == DataColorSpace::Rgb {
        return Some(icc.to_vec());
    }
    let curve = match parsed.gray_trc {
        Some(curve) if parsed.pcs == DataColorSpace::Xyz => curve,
        _ => moxcms::ToneReprCurve::Lut(
            (0..4096)
                .map(|i| srgb_decode(gray.gray_to_srgb(i as f32 / 4095.0)))
                .map(|v| (v * 65535.0).round() as u16)
                .collect(),
        ),
    };
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    profile.description = Some(moxcms::ProfileText::Localizable(vec![
        moxcms::LocalizableString::new("en".into(), "US".into(), "Grey tone curve as RGB".into()),
    ]));
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    profile.encode().ok()
}

impl Shaper {
    fn new(profile: &ColorProfile) -> Result<Self, String> {
        let curve = |trc: &Option<moxcms::ToneReprCurve>| -> Result<Curve, String> {
            let trc = trc.as_ref().ok_or("a tone curve is missing")?;
            tone_curve(trc)
        };
        let to = profile
            .transform_matrix(&ColorProfile::new_srgb())
            .to_f32()
            .v;
        let back = ColorProfile::new_srgb().transform_matrix(profile);
        let from = back.to_f32().v;
        if !to.iter().chain(&from).flatten().all(|v| v.is_finite()) {
            return Err("its colorants are impossible".into());
        }
        Ok(Self {
            curves: [
                curve(&profile.red_trc)?,
                curve(&profile.green_trc)?,
                curve(&profile.blue_trc)?,
            ],
            to,
            from,
        })
    }
}

fn tone_curve(trc: &moxcms::ToneReprCurve) -> Result<Curve, String> {
    let evaluator = trc
        .make_linear_evaluator()
        .map_err(|e| format!("a tone curve is impossible: {e}"))?;
    Curve::sample(|v| evaluator.evaluate_value(v))
}

/// From grey values to sRGB-encoded grey. In a Lab profile the curve gives lightness (ICC.1:2022, 8.3.4).
fn gray_curve(profile: &ColorProfile) -> Result<Curve, String> {
    let trc = profile
        .gray_trc
        .as_ref()
        .ok_or("its tone curve is missing")?;
    let tone = tone_curve(trc)?;
    let lab = profile.pcs == DataColorSpace::Lab;
    Curve::sample(|v| {
        let value = tone.eval(v);
        let linear = if lab {
            lightness_to_linear(value)
        } else {
            value
        };
        srgb_encode(linear.clamp(0.0, 1.0))
    })
}

/// CIE 1976 lightness (0–1 for L* 0–100) to relative luminance.
fn lightness_to_linear(lightness: f32) -> f32 {
    let l = lightness * 100.0;
    if l > 8.0 {
        ((l + 16.0) / 116.0).powi(3)
    } else {
        l * 27.0 / 24389.0
    }
}

fn through(transform: &Arc<TransformF32Executor>, rgb: &mut [f32]) {
    let source = rgb.to_vec();
    if transform.transform(&source, rgb).is_err() {
        rgb.copy_from_slice(&source);
    }
    for value in rgb {
        *value = if value.is_nan() {
            0.0
        } else {
            value.clamp(0.0, 1.0)
        };
    }
}

fn dot(row: &[f32; 3], v: [f32; 3]) -> f32 {
    row[0] * v[0] + row[1] * v[1] + row[2] * v[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(profile: &ColorProfile) -> ColorSpace {
        ColorSpace::new(&profile.encode().expect("encodes"), false).expect("usable")
    }

    #[test]
    fn srgb_profiles_are_recognised_and_others_are_not() {
        assert!(space(&ColorProfile::new_srgb()).is_srgb());
        assert!(!space(&ColorProfile::new_display_p3()).is_srgb());
        assert!(!space(&ColorProfile::new_adobe_rgb()).is_srgb());
        assert!(ColorSpace::new(b"not a profile", false).is_err());
    }

    #[test]
    fn known_colours_convert() {
        // Adobe RGB grey 128 is sRGB grey 129.0: gamma 563/256 against sRGB's curve.
        let linear = (128.0f64 / 255.0).powf(563.0 / 256.0);
        let want = (1.055 * linear.powf(1.0 / 2.4) - 0.055) as f32;
        let mut gray = [128.0 / 255.0; 3];
        space(&ColorProfile::new_adobe_rgb()).to_srgb(&mut gray);
        assert!(
            gray.iter().all(|v| (v - want).abs() < 5e-5),
            "{gray:?} {want}"
        );
        // Display P3 red lies outside sRGB: clipped to full red.
        let mut red = [1.0, 0.0, 0.0];
        space(&ColorProfile::new_display_p3()).to_srgb(&mut red);
        assert!(red[0] > 0.999 && red[1] < 1e-6 && red[2] < 1e-6, "{red:?}");
        // sRGB red in Display P3 is (0.9175, 0.2003, 0.1387).
        let mut red = [1.0, 0.0, 0.0];
        space(&ColorProfile::new_display_p3()).from_srgb(&mut red);
        for (got, want) in red.iter().zip([0.9175, 0.2003, 0.1387]) {
            assert!((got - want).abs() < 0.002, "{red:?}");
        }
    }

    #[test]
    fn the_way_back_is_exact_inside_srgb() {
        for profile in [
            ColorProfile::new_display_p3(),
            ColorProfile::new_adobe_rgb(),
            ColorProfile::new_pro_photo_rgb(),
        ] {
            let space = space(&profile);
            for i in 0..1000 {
                let srgb = [
                    (i * 37 % 256) as f32,
                    (i * 91 % 256) as f32,
                    (i * 13 % 256) as f32,
                ]
                .map(|v| v / 255.0);
                let mut pixel = srgb;
                space.from_srgb(&mut pixel);
                space.to_srgb(&mut pixel);
                for (a, b) in srgb.iter().zip(pixel) {
                    assert!((a - b).abs() < 2e-4, "{srgb:?} {pixel:?}");
                }
            }
        }
    }

    #[test]
    fn a_promoted_grey_profile_keeps_the_colour_of_every_sample() {
        let icc = ColorProfile::new_gray_with_gamma(1.8)
            .encode()
            .expect("encodes");
        let gray = ColorSpace::new(&icc, true).expect("usable");
        assert!(!gray.is_srgb());
        let rgb =
            ColorSpace::new(&promoted_profile(&icc).expect("a profile"), false).expect("usable");
        for i in 0..=255 {
            let v = i as f32 / 255.0;
            let mut pixel = [v; 3];
            rgb.to_srgb(&mut pixel);
            assert!(
                pixel
                    .iter()
                    .all(|p| (p - gray.gray_to_srgb(v)).abs() < 1e-3),
                "{i}"
            );
        }
    }
}
