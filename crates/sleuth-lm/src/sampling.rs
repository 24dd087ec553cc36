//! Choosing the next token.

use sleuth_records::Random;
use toktrie::{SimpleVob, TokenId};

/// One of the `allowed` tokens: the likeliest at temperature 0, otherwise one drawn from the softmax
/// of the logits over the temperature. `None` when none is allowed.
pub(crate) fn pick(
    logits: &[f32],
    allowed: &SimpleVob,
    temperature: f32,
    random: &mut Random,
) -> Option<TokenId> {
    let mut best: Option<(usize, f32)> = None;
    allowed.iter_set_entries(|at| {
        if let Some(&logit) = logits.get(at)
            && best.is_none_or(|(_, most)| logit > most)
        {
            best = Some((at, logit));
        }
    });
    let (likeliest, most) = best?;
    if temperature <= 0.0 {
        return TokenId::try_from(likeliest).ok();
    }

    let weight = |logit: f32| f64::from((logit - most) / temperature).exp();
    let mut total = 0.0;
    allowed.iter_set_entries(|at| total += logits.get(at).map_or(0.0, |&logit| weight(logit)));
    let mut left = random.unit() * total;
    let mut drawn = None;
    allowed.iter_set_entries(|at| {
        if drawn.is_none()
            && let Some(&logit) = logits.get(at)
        {
            left -= weight(logit);
            if left < 0.0 {
                drawn = Some(at);
            }
        }
    });
    TokenId::try_from(drawn.unwrap_or(likeliest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(n: usize) -> SimpleVob {
        SimpleVob::alloc_ones(n)
    }

    #[test]
    fn temperature_0_takes_the_likeliest_that_is_allowed() {
        let logits = [1.0, 5.0, 3.0];
        let mut allowed = all(3);
        assert_eq!(pick(&logits, &allowed, 0.0, &mut Random(1)), Some(1));
        allowed.disallow_token(1);
        assert_eq!(pick(&logits, &allowed, 0.0, &mut Random(1)), Some(2));
        assert_eq!(pick(&logits, &SimpleVob::alloc(3), 0.0, &mut Random(1)), None);
    }

    #[test]
    fn draws_follow_the_softmax() {
        // ln 1, ln 2, ln 7: the shares are .1, .2 and .7.
        let logits = [0.0, 2.0_f32.ln(), 7.0_f32.ln()];
        let mut random = Random(7);
        let mut counts = [0_u32; 3];
        for _ in 0..20_000 {
            counts[pick(&logits, &all(3), 1.0, &mut random).unwrap() as usize] += 1;
        }
        for (count, share) in counts.iter().zip([0.1, 0.2, 0.7]) {
            assert!((f64::from(*count) / 20_000.0 - share).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn a_seed_repeats_its_draws() {
        let draw = |seed| {
            let mut random = Random(seed);
            (0..20).map(|_| pick(&[0.0; 50], &all(50), 1.0, &mut random)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
