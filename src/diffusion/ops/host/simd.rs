//! Owns running a loop with the widest vectors that this CPU has: the same plain code compiled several times, chosen as the program
//! runs. Used by the CPU kernels. Must never change a result: no fused or reordered arithmetic, so every CPU rounds alike.

pub use pulp::NullaryFnOnce as Loop;

/// Runs a loop whose `call` is `#[inline(always)]`, so that the compiler sees it whole for each kind of CPU.
pub fn widest<L: Loop>(body: L) -> L::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(avx512) = pulp::x86::V4::try_new() {
            return avx512.vectorize(body);
        }
        if let Some(avx2) = pulp::x86::V3::try_new() {
            return avx2.vectorize(body);
        }
    }
    body.call()
}

/// A function whose body runs through [`widest`]. Arguments are slices, named with the lifetime `'a`, or numbers.
macro_rules! widest_fn {
    ($(#[$note:meta])* $visible:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$note])*
        #[allow(clippy::extra_unused_lifetimes, clippy::needless_lifetimes)]
        $visible fn $name<'a>($($argument: $kind),*) $(-> $out)? {
            struct Body<'a>($($kind,)* std::marker::PhantomData<&'a ()>);
            impl<'a> $crate::diffusion::ops::host::simd::Loop for Body<'a> {
                #[allow(unused_parens)] // none is the empty tuple
                type Output = ($($out)?);
                #[inline(always)]
                fn call(self) -> Self::Output {
                    let Self($($argument,)* _) = self;
                    $body
                }
            }
            $crate::diffusion::ops::host::simd::widest(Body($($argument,)* std::marker::PhantomData))
        }
    };
}

pub(super) use widest_fn;
