//! Plots as SVG elements for a [`Page`](super::Page), whose style sheet colours them.
//!
//! Each carries its content in words as its label, so that who cannot see it is told the same.

use std::fmt::Write as _;

use super::escaped;
use crate::statistics::{Estimate, Interval};

/// A value with its interval, to stand on a line of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Heading under which it stands; rows of one group follow each other.
    pub group: String,
    /// What it is.
    pub label: String,
    /// The value.
    pub value: f64,
    /// Its interval, where there is one.
    pub interval: Option<Interval>,
}

impl Row {
    /// The row of an estimate.
    pub fn of(group: &str, label: &str, estimate: &Estimate) -> Self {
        Self {
            group: group.to_owned(),
            label: label.to_owned(),
            value: estimate.mean,
            interval: estimate.interval(),
        }
    }
}

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// How much.
    pub y: f64,
    /// The interval of `y`, where there is one.
    pub interval: Option<Interval>,
}

/// A named curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// By rising `x`.
    pub points: Vec<Point>,
}

/// How places on the horizontal axis of curves are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal differences are equally far apart.
    Even,
    /// Equal factors are, where values span a factor of 8 or more and none is 0; else as
    /// [`Spacing::Even`].
    Doubling,
}

const WIDTH: f64 = 760.0;
/// Points above which a curve is a line without marks, as of every step of a training.
const MOST_MARKED: usize = 40;
/// Curves that have a colour and a mark of their own; further ones share them.
const N_STYLES: usize = 6;
/// Longest label of a row in characters.
const LABEL: usize = 36;

/// Values with whiskers, one under the other. `x` names the axis.
pub fn whiskers(title: &str, x: &str, rows: &[Row]) -> String {
    const LEFT: f64 = 240.0;
    const RIGHT: f64 = WIDTH - 180.0;
    const STEP: f64 = 22.0;
    let ends = rows.iter().flat_map(|row| {
        let Interval { low, high } =
            row.interval.unwrap_or(Interval { low: row.value, high: row.value });
        [row.value, low, high]
    });
    let scale = Scale::over(ends, LEFT, RIGHT, false);
    let n_groups = rows.chunk_by(|a, b| a.group == b.group).count();
    let bottom = 10.0 + STEP * (rows.len() + n_groups) as f64 + 4.0;
    let said: Vec<String> = rows.iter().map(in_words).collect();
    let mut out = opening(title, &said.join("; "), bottom + 40.0);
    for tick in &scale.ticks {
        let at = scale.at(*tick);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"8\" y2=\"{bottom:.1}\"/>\
             <text class=\"dim\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 14.0,
            short(*tick),
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        bottom + 32.0,
        escaped(x),
    );
    let mut y = 10.0;
    for group in rows.chunk_by(|a, b| a.group == b.group) {
        y += STEP;
        let _ = writeln!(
            out,
            "<text class=\"strong\" x=\"0\" y=\"{:.1}\">{}</text>",
            y - 6.0,
            escaped(&cut(&group[0].group)),
        );
        for row in group {
            y += STEP;
            let middle = y - 10.0;
            let at = scale.at(row.value);
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 10.0,
                middle + 4.0,
                escaped(&cut(&row.label)),
            );
            if let Some(Interval { low, high }) = row.interval {
                let (low, high) = (scale.at(low), scale.at(high));
                let _ = write!(
                    out,
                    "<path class=\"c0\" stroke-width=\"2\" d=\"M{low:.1} {middle:.1}H{high:.1}\
                     M{low:.1} {:.1}v8M{high:.1} {:.1}v8\"/>",
                    middle - 4.0,
                    middle - 4.0,
                );
            }
            let _ = writeln!(
                out,
                "<circle class=\"c0\" cx=\"{at:.1}\" cy=\"{middle:.1}\" r=\"4\"/>\
                 <text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                RIGHT + 12.0,
                middle + 4.0,
                escaped(&numbers(row)),
            );
        }
    }
    out + "</svg>\n"
}

/// Curves over one axis. `marks` are places on the horizontal one that get a line and a word.
pub fn lines(
    title: &str,
    x: &str,
    y: &str,
    spacing: Spacing,
    series: &[Series],
    marks: &[(f64, String)],
) -> String {
    const LEFT: f64 = 64.0;
    const RIGHT: f64 = WIDTH - 16.0;
    const HEIGHT: f64 = 260.0;
    let legend = 20.0 * series.len().div_ceil(2) as f64;
    // Words of marks stand between the legend and the curves.
    let top = legend + if marks.is_empty() { 14.0 } else { 26.0 };
    let bottom = top + HEIGHT;
    let points = || series.iter().flat_map(|series| &series.points);
    let xs: Vec<f64> = points().map(|point| point.x).collect();
    let least = xs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = xs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_log = spacing == Spacing::Doubling && least > 0.0 && most / least >= 8.0;
    let horizontal = if is_log {
        Scale::over(xs, LEFT, RIGHT, true)
    } else {
        Scale::even(least, most, LEFT, RIGHT)
    };
    let ends = points().flat_map(|point| {
        let Interval { low, high } =
            point.interval.unwrap_or(Interval { low: point.y, high: point.y });
        [point.y, low, high]
    });
    let vertical = Scale::over(ends, bottom, top, false);
    let said: Vec<String> = series.iter().map(curve_in_words).collect();
    let mut out = opening(title, &said.join("; "), bottom + 40.0);
    for tick in &vertical.ticks {
        let at = vertical.at(*tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            short(*tick),
        );
    }
    for tick in &horizontal.ticks {
        let at = horizontal.at(*tick);
        let _ = writeln!(
            out,
            "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{bottom:.1}\" y2=\"{:.1}\"/>\
             <text class=\"dim\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 4.0,
            bottom + 17.0,
            short(*tick),
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text class=\"dim\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        bottom + 35.0,
        escaped(x),
        (top + bottom) / 2.0,
        escaped(y),
    );
    for (place, word) in marks {
        let at = horizontal.at(*place);
        let (anchor, shift) =
            if at > (LEFT + RIGHT) / 2.0 { ("end", -5.0) } else { ("start", 5.0) };
        let _ = writeln!(
            out,
            "<path class=\"mark\" d=\"M{at:.1} {:.1}V{bottom:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            top - 12.0,
            at + shift,
            top - 4.0,
            escaped(word),
        );
    }
    for (n, curve) in series.iter().enumerate() {
        draw(&mut out, n, curve, &horizontal, &vertical);
        let (column, row) = ((n % 2) as f64, (n / 2) as f64);
        let (left, middle) = (LEFT + column * 340.0, 12.0 + row * 20.0);
        let _ = writeln!(
            out,
            "<path class=\"c{0}\" stroke-width=\"2\"{1} d=\"M{left:.1} {middle:.1}h28\"/>{2}\
             <text x=\"{3:.1}\" y=\"{4:.1}\">{5}</text>",
            n % N_STYLES,
            dashes(n),
            mark(n, left + 14.0, middle),
            left + 36.0,
            middle + 4.0,
            escaped(&cut(&curve.name)),
        );
    }
    out + "</svg>\n"
}

fn draw(out: &mut String, n: usize, curve: &Series, horizontal: &Scale, vertical: &Scale) {
    let style = n % N_STYLES;
    let mut path = String::new();
    for (at, point) in curve.points.iter().enumerate() {
        let letter = if at == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", horizontal.at(point.x), vertical.at(point.y));
    }
    let is_long = curve.points.len() > MOST_MARKED;
    let width = if is_long { "1.2" } else { "2" };
    let _ = writeln!(
        out,
        "<path class=\"c{style}\" stroke-width=\"{width}\"{} d=\"{path}\"/>",
        dashes(n),
    );
    if is_long {
        return;
    }
    for point in &curve.points {
        let at = horizontal.at(point.x);
        if let Some(Interval { low, high }) = point.interval {
            let _ = write!(
                out,
                "<path class=\"c{style}\" d=\"M{at:.1} {:.1}V{:.1}\"/>",
                vertical.at(low),
                vertical.at(high),
            );
        }
        *out += &mark(n, at, vertical.at(point.y));
    }
    out.push('\n');
}

/// The mark of a curve: each style has its own shape.
fn mark(n: usize, x: f64, y: f64) -> String {
    let style = n % N_STYLES;
    match style {
        0 => format!("<circle class=\"c0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"),
        1 => format!(
            "<rect class=\"c1\" x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"8\"/>",
            x - 4.0,
            y - 4.0
        ),
        2 => format!("<polygon class=\"c2\" points=\"{}\"/>", corners(x, y, 3, 5.0)),
        3 => format!("<polygon class=\"c3\" points=\"{}\"/>", corners(x, y, 4, 5.0)),
        4 => format!("<polygon class=\"c4\" points=\"{}\"/>", corners(x, y, 5, 5.0)),
        _ => format!(
            "<path class=\"c5\" stroke-width=\"2\" d=\"M{:.1} {:.1}l8 8m0 -8l-8 8\"/>",
            x - 4.0,
            y - 4.0
        ),
    }
}

fn corners(x: f64, y: f64, n: u32, radius: f64) -> String {
    let corner = |i| {
        let angle = std::f64::consts::TAU * f64::from(i) / f64::from(n);
        format!("{:.1},{:.1}", x + radius * angle.sin(), y - radius * angle.cos())
    };
    (0..n).map(corner).collect::<Vec<_>>().join(" ")
}

fn dashes(n: usize) -> &'static str {
    match n % N_STYLES {
        0 => "",
        1 => " stroke-dasharray=\"7 4\"",
        2 => " stroke-dasharray=\"2 3\"",
        3 => " stroke-dasharray=\"9 3 2 3\"",
        4 => " stroke-dasharray=\"4 2\"",
        _ => " stroke-dasharray=\"1 4\"",
    }
}

fn opening(title: &str, words: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}. {}\">\n",
        escaped(title),
        escaped(words),
    )
}

fn in_words(row: &Row) -> String {
    format!("{}, {}: {}", row.group, row.label, numbers(row))
}

fn numbers(row: &Row) -> String {
    let three = |value: f64| match format!("{value:.3}") {
        zero if zero == "-0.000" => "0.000".to_owned(),
        text => text,
    };
    match row.interval {
        Some(Interval { low, high }) => {
            format!("{} ({} to {})", three(row.value), three(low), three(high))
        }
        None => three(row.value),
    }
}

/// First, last, least and most of a curve: its points stand in the table.
fn curve_in_words(series: &Series) -> String {
    let points = &series.points;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return format!("{}: no points", series.name);
    };
    let by_y = |a: &&Point, b: &&Point| a.y.total_cmp(&b.y);
    let (least, most) = (points.iter().min_by(by_y), points.iter().max_by(by_y));
    let at = |point: &Point| format!("{} at {}", short(point.y), short(point.x));
    format!(
        "{}: from {} to {}, least {}, most {}",
        series.name,
        at(first),
        at(last),
        at(least.unwrap_or(first)),
        at(most.unwrap_or(first)),
    )
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LABEL {
        return text.to_owned();
    }
    text.chars().take(LABEL - 1).chain(['…']).collect()
}

/// A number in few characters.
fn short(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    if !text.contains('.') {
        return text;
    }
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// From values to places.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_log: bool,
    ticks: Vec<f64>,
}

impl Scale {
    /// A scale that shows all `values` and, where it is not logarithmic, 0; shares get all from 0 to
    /// 1.
    fn over(values: impl IntoIterator<Item = f64>, from: f64, to: f64, is_log: bool) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.into_iter().filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if is_log {
            let exponent = low.log2().floor() as i32;
            let powers = (exponent..64).map(|e| 2.0_f64.powi(e));
            let ticks: Vec<f64> =
                powers.skip_while(|p| *p < low).take_while(|p| *p <= high).collect();
            return Self { low, high, from, to, is_log, ticks };
        }
        low = low.min(0.0);
        high = high.max(0.0);
        if low == 0.0 && high > 0.3 && high <= 1.0 {
            high = 1.0;
        }
        if high - low < 1e-12 {
            high = low + 1.0;
        }
        let step = round_step((high - low) / 5.0);
        low = (low / step + 1e-9).floor() * step;
        high = (high / step - 1e-9).ceil() * step;
        let n = ((high - low) / step).round() as usize;
        let ticks = (0..=n).map(|i| low + step * i as f64).collect();
        Self { low, high, from, to, is_log, ticks }
    }

    /// A scale from `low` to `high`, with ticks at round numbers between them.
    fn even(low: f64, high: f64, from: f64, to: f64) -> Self {
        let (low, high) = match high - low {
            span if span > 1e-12 => (low, high),
            _ if low.is_finite() => (low - 0.5, low + 0.5),
            _ => (0.0, 1.0),
        };
        let step = round_step((high - low) / 8.0);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|i| i as f64 * step).collect();
        Self { low, high, from, to, is_log: false, ticks }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.is_log {
            let span = (self.high / self.low).log2();
            if span > 0.0 { (value / self.low).log2() / span } else { 0.5 }
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }
}

/// The next of 1, 2, 2.5, 5 and 10 times a power of ten from `least` up.
fn round_step(least: f64) -> f64 {
    let unit = 10.0_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0].map(|factor| factor * unit);
    steps.into_iter().find(|&step| step >= least - 1e-12).unwrap_or(10.0 * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_a_training_are_evenly_spaced() {
        let ticks = |low, high| {
            let scale = Scale::even(low, high, 0.0, 100.0);
            let within = |tick: &f64| (-1e-6..=100.0 + 1e-6).contains(&scale.at(*tick));
            assert!(scale.ticks.iter().all(within), "{low} {high}");
            scale.ticks.iter().map(|tick| short(*tick)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(1.0, 200.0), "25 50 75 100 125 150 175 200");
        assert_eq!(ticks(1.0, 12.0), "2 4 6 8 10 12");
        assert_eq!(ticks(3.0, 3.0), "2.6 2.8 3 3.2 3.4");
        assert_eq!(ticks(f64::INFINITY, f64::NEG_INFINITY), "0 0.2 0.4 0.6 0.8 1");
    }

    #[test]
    fn scales_show_everything() {
        let ticks = |values: &[f64], is_log| {
            let scale = Scale::over(values.iter().copied(), 0.0, 100.0, is_log);
            let within = |value: &f64| (-1e-9..=100.0 + 1e-9).contains(&scale.at(*value));
            assert!(values.iter().all(within), "{values:?}");
            scale.ticks.iter().map(|tick| short(*tick)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ticks(&[0.4, 0.7], false), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(ticks(&[-0.3, 0.1], false), "-0.3 -0.2 -0.1 0 0.1");
        assert_eq!(ticks(&[3.0, 17.0], false), "0 5 10 15 20");
        assert_eq!(ticks(&[1.0, 64.0], true), "1 2 4 8 16 32 64");
        assert_eq!(ticks(&[], false), "0 0.2 0.4 0.6 0.8 1");
        assert_eq!(ticks(&[5.0, 5.0], false), "0 1 2 3 4 5");
        assert_eq!(ticks(&[0.0], false), "0 0.2 0.4 0.6 0.8 1");
    }
}
