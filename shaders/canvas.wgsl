// The canvas: checkerboard and extension (fs_backdrop), photo tiles (fs_photo), the mask's colour and edge (fs_mask),
// previews and candidates (fs_overlay). One rectangle an instance. Colours are display-encoded throughout, as egui's are;
// alpha is premultiplied. Positions are physical pixels of the window.

struct Globals {
    screen_px: vec2f,
    // The photo's corner, modulo two checker squares: all that the checkerboard needs.
    checker_origin_px: vec2f,
    checker_px: f32,
    // Physical pixels for a photo pixel.
    scale: f32,
    pixels_per_point: f32,
    time_seconds: f32,
    checker_light: vec4f,
    checker_dark: vec4f,
    // Colour and, in w, how much of it lies over the checkerboard.
    extension_tint: vec4f,
    // Colour and opacity.
    mask_color: vec4f,
    split_px: f32,
    flags: u32,
    padding: vec2f,
}

const LINEAR_TARGET: u32 = 1u;
const PIXEL_GRID: u32 = 2u;
const MASK_EDGE: u32 = 4u;

const SMOOTH: i32 = 1;
const EXTENSION: i32 = 2;

const TILE: f32 = 512.0;

@group(0) @binding(0) var<uniform> globals: Globals;
@group(0) @binding(1) var bilinear: sampler;
@group(1) @binding(0) var tiles: texture_2d_array<f32>;
@group(2) @binding(0) var picture: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4f,
    @location(0) @interpolate(flat) rect_px: vec4f,
    @location(1) @interpolate(flat) tile: vec4f,
    @location(2) @interpolate(flat) overlay: vec4f,
    @location(3) @interpolate(flat) params: vec4i,
}

@vertex
fn vs_main(
    @builtin(vertex_index) index: u32,
    @location(0) rect_px: vec4f,
    @location(1) tile: vec4f,
    @location(2) overlay: vec4f,
    @location(3) params: vec4i,
) -> Corner {
    let right = f32(index & 1u);
    let bottom = f32(index >> 1u);
    let px = vec2f(mix(rect_px.x, rect_px.z, right), mix(rect_px.y, rect_px.w, bottom));
    var out: Corner;
    out.position = vec4f(px.x / globals.screen_px.x * 2.0 - 1.0, 1.0 - px.y / globals.screen_px.y * 2.0, 0.0, 1.0);
    out.rect_px = rect_px;
    out.tile = tile;
    out.overlay = overlay;
    out.params = params;
    return out;
}

// --- colour -----------------------------------------------------------------------------------------------------------

fn linear_from_display(color: vec3f) -> vec3f {
    let low = color / 12.92;
    let high = pow((color + 0.055) / 1.055, vec3f(2.4));
    return select(high, low, color <= vec3f(0.04045));
}

// What to write for a premultiplied colour, whatever the target holds.
fn encode(color: vec4f) -> vec4f {
    if (globals.flags & LINEAR_TARGET) == 0u || color.a <= 0.0 {
        return color;
    }
    return vec4f(linear_from_display(clamp(color.rgb / color.a, vec3f(0.0), vec3f(1.0))) * color.a, color.a);
}

fn checkerboard(px: vec2f) -> vec3f {
    let square = vec2i(floor((px - globals.checker_origin_px) / globals.checker_px));
    if ((square.x + square.y) & 1) == 0 {
        return globals.checker_light.rgb;
    }
    return globals.checker_dark.rgb;
}

// --- sampling ---------------------------------------------------------------------------------------------------------

// Magnified pixels are squares with edges one physical pixel soft. At 100 % this is the texel itself.
fn square_pixels(texel: vec2f, texels_per_px: vec2f) -> vec2f {
    let centered = texel - 0.5;
    let whole = floor(centered);
    let edge = clamp((centered - whole - 0.5) / texels_per_px + 0.5, vec2f(0.0), vec2f(1.0));
    return whole + edge + 0.5;
}

// Half the distance between the four taps that average what a physical pixel covers: nothing at 1 texel a pixel, one
// texel at 2, where the next level takes over with the same result.
fn tap_reach(texels_per_px: vec2f) -> vec2f {
    return clamp((texels_per_px - 1.0) * 0.5, vec2f(0.0), vec2f(0.5));
}

fn tap(texel: vec2f, layer: i32) -> vec4f {
    return textureSampleLevel(tiles, bilinear, texel / TILE, layer, 0.0);
}

fn sample_tile(texel: vec2f, texels_per_px: vec2f, layer: i32, flags: i32) -> vec4f {
    let reach = tap_reach(texels_per_px);
    if max(reach.x, reach.y) > 0.001 {
        return 0.25 * (tap(texel - reach, layer) + tap(texel + reach, layer)
            + tap(texel + vec2f(reach.x, -reach.y), layer) + tap(texel + vec2f(-reach.x, reach.y), layer));
    }
    if (flags & SMOOTH) != 0 {
        return tap(texel, layer);
    }
    return tap(square_pixels(texel, texels_per_px), layer);
}

fn picture_tap(texel: vec2f, size: vec2f, level: i32) -> vec4f {
    return textureSampleLevel(picture, bilinear, texel / size, f32(level));
}

// Catmull-Rom: smooth between the texels of a small preview, without the softness of linear interpolation.
fn picture_cubic(texel: vec2f, size: vec2f, level: i32) -> vec4f {
    let center = floor(texel - 0.5) + 0.5;
    let f = texel - center;
    let w0 = f * (-0.5 + f * (1.0 - 0.5 * f));
    let w1 = 1.0 + f * f * (-2.5 + 1.5 * f);
    let w2 = f * (0.5 + f * (2.0 - 1.5 * f));
    let w3 = f * f * (-0.5 + 0.5 * f);
    let w12 = w1 + w2;
    let at0 = center - 1.0;
    let at12 = center + w2 / w12;
    let at3 = center + 2.0;
    let top = picture_tap(vec2f(at0.x, at0.y), size, level) * w0.x
        + picture_tap(vec2f(at12.x, at0.y), size, level) * w12.x
        + picture_tap(vec2f(at3.x, at0.y), size, level) * w3.x;
    let middle = picture_tap(vec2f(at0.x, at12.y), size, level) * w0.x
        + picture_tap(vec2f(at12.x, at12.y), size, level) * w12.x
        + picture_tap(vec2f(at3.x, at12.y), size, level) * w3.x;
    let bottom = picture_tap(vec2f(at0.x, at3.y), size, level) * w0.x
        + picture_tap(vec2f(at12.x, at3.y), size, level) * w12.x
        + picture_tap(vec2f(at3.x, at3.y), size, level) * w3.x;
    let color = clamp(top * w0.y + middle * w12.y + bottom * w3.y, vec4f(0.0), vec4f(1.0));
    return vec4f(min(color.rgb, vec3f(color.a)), color.a);
}

fn sample_picture(texel: vec2f, texels_per_px: vec2f, level: i32, flags: i32) -> vec4f {
    let size = vec2f(textureDimensions(picture, level));
    let reach = tap_reach(texels_per_px);
    if max(reach.x, reach.y) > 0.001 {
        return 0.25 * (picture_tap(texel - reach, size, level) + picture_tap(texel + reach, size, level)
            + picture_tap(texel + vec2f(reach.x, -reach.y), size, level)
            + picture_tap(texel + vec2f(-reach.x, reach.y), size, level));
    }
    if (flags & SMOOTH) != 0 {
        return picture_cubic(texel, size, level);
    }
    return picture_tap(square_pixels(texel, texels_per_px), size, level);
}

// --- passes -----------------------------------------------------------------------------------------------------------

@fragment
fn fs_backdrop(in: Corner) -> @location(0) vec4f {
    var color = checkerboard(in.position.xy);
    if (in.params.w & EXTENSION) != 0 {
        color = mix(color, globals.extension_tint.rgb, globals.extension_tint.w);
    }
    return encode(vec4f(color, 1.0));
}

@fragment
fn fs_photo(in: Corner) -> @location(0) vec4f {
    let texel = in.tile.xy + (in.position.xy - in.rect_px.xy) * in.tile.zw;
    let photo = sample_tile(texel, in.tile.zw, in.params.x, in.params.w);
    var color = photo.rgb;
    if photo.a < 1.0 {
        color += checkerboard(in.position.xy) * (1.0 - photo.a);
    }
    if (globals.flags & PIXEL_GRID) != 0u && (in.params.w & SMOOTH) == 0 {
        // The first physical pixel of each photo pixel, darker on light pixels and lighter on dark ones.
        if any(fract(texel) * globals.scale < vec2f(1.0)) {
            let is_light = dot(color, vec3f(0.299, 0.587, 0.114)) > 0.5;
            color = mix(color, select(vec3f(1.0), vec3f(0.0), is_light), 0.25);
        }
    }
    return encode(vec4f(color, 1.0));
}

// How the mask rises across one physical pixel.
fn mask_slope(texel: vec2f, texels_per_px: vec2f, layer: i32) -> vec2f {
    let half_px = 0.5 * texels_per_px;
    var left = texel - vec2f(half_px.x, 0.0);
    var right = texel + vec2f(half_px.x, 0.0);
    var above = texel - vec2f(0.0, half_px.y);
    var below = texel + vec2f(0.0, half_px.y);
    if max(texels_per_px.x, texels_per_px.y) < 1.0 {
        left = square_pixels(left, texels_per_px);
        right = square_pixels(right, texels_per_px);
        above = square_pixels(above, texels_per_px);
        below = square_pixels(below, texels_per_px);
    }
    return vec2f(tap(right, layer).r - tap(left, layer).r, tap(below, layer).r - tap(above, layer).r);
}

// The moving line near where the mask crosses one half: its coverage in w. Dashes run around the mask and never lie
// along its edge, which would make one long dash.
fn edge_line(px: vec2f, slope: vec2f, here: f32) -> vec4f {
    let steepness = length(slope);
    if steepness < 0.002 {
        return vec4f(0.0);
    }
    let coverage = clamp(1.5 - abs(here - 0.5) / steepness, 0.0, 1.0);
    let around = select(vec2f(-1.0), vec2f(1.0), vec2f(-slope.y, slope.x) >= vec2f(0.0));
    let along = dot(px, around) / (8.0 * globals.pixels_per_point) - globals.time_seconds * 1.5;
    return vec4f(vec3f(select(0.08, 1.0, fract(along) < 0.5)), coverage);
}

@fragment
fn fs_mask(in: Corner) -> @location(0) vec4f {
    let layer = in.params.x;
    var mask = f32(in.params.y) / 255.0;
    var line = vec4f(0.0);
    if layer >= 0 {
        let texel = in.tile.xy + (in.position.xy - in.rect_px.xy) * in.tile.zw;
        mask = sample_tile(texel, in.tile.zw, layer, in.params.w).r;
        if (globals.flags & MASK_EDGE) != 0u {
            line = edge_line(in.position.xy, mask_slope(texel, in.tile.zw, layer), mask);
        }
    }
    let alpha = mask * globals.mask_color.a;
    let tint = vec4f(globals.mask_color.rgb * alpha, alpha);
    return encode(mix(tint, vec4f(line.rgb, 1.0), line.w));
}

@fragment
fn fs_overlay(in: Corner) -> @location(0) vec4f {
    if in.position.x < globals.split_px {
        discard;
    }
    let offset = in.position.xy - in.rect_px.xy;
    var mask = f32(in.params.y) / 255.0;
    if in.params.x >= 0 {
        mask = sample_tile(in.tile.xy + offset * in.tile.zw, in.tile.zw, in.params.x, in.params.w & SMOOTH).r;
    }
    let color = sample_picture(in.overlay.xy + offset * in.overlay.zw, in.overlay.zw, in.params.z, in.params.w >> 4u);
    return encode(color * mask);
}
