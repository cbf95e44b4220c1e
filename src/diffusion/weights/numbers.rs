//! Owns the two types of a network's numbers: what its weights are kept as and what it computes in. Used by the weight view, by the
//! networks' loading and by memory planning.

use burn::tensor::DType;

/// How a network keeps its weights and in which type it computes. Vectors (biases, norms) are kept as what is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Numbers {
    /// Of matrices and kernels in memory, `F32` or `F16`.
    pub stored: DType,
    /// Of everything between input and output, `F32` or `F16`.
    pub computed: DType,
}

impl Numbers {
    /// 32 bits throughout.
    pub const F32: Self = Self {
        stored: DType::F32,
        computed: DType::F32,
    };
    /// 16 bits throughout: half the memory, and an overflow above 65504.
    pub const F16: Self = Self {
        stored: DType::F16,
        computed: DType::F16,
    };
    /// Weights in 16 bits, each widened while it is used: half the memory without the overflow. For processors that are slow in f16.
    pub const HALF_STORED: Self = Self {
        stored: DType::F16,
        computed: DType::F32,
    };

    /// What to try where these numbers overflowed; `None` where nothing is wider.
    pub fn wider(self) -> Option<Self> {
        match self {
            Self::F32 => None,
            Self::HALF_STORED => Some(Self::F32),
            _ => Some(Self::HALF_STORED),
        }
    }

    /// Bytes of one stored number.
    pub fn stored_bytes(self) -> u64 {
        bytes(self.stored)
    }

    /// Bytes of one computed number.
    pub fn computed_bytes(self) -> u64 {
        bytes(self.computed)
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::HALF_STORED => "f16 weights, f32 arithmetic",
            _ => "f16",
        }
    }
}

fn bytes(dtype: DType) -> u64 {
    if dtype == DType::F16 { 2 } else { 4 }
}

impl From<DType> for Numbers {
    fn from(dtype: DType) -> Self {
        Self {
            stored: dtype,
            computed: dtype,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_ends_in_32_bits() {
        let mut numbers = Numbers::F16;
        let mut names = vec![numbers.name()];
        while let Some(wider) = numbers.wider() {
            numbers = wider;
            names.push(numbers.name());
        }
        assert_eq!(numbers, Numbers::F32);
        assert_eq!(names.len(), 3);
    }
}
