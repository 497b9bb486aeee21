#pragma once

namespace kv {

/// Functions that the C library may round differently on every platform, made of + - * / and exact bit operations
/// alone: the same bits everywhere, which workloads generated from a seed need. Each is within 1e-14 of the true value,
/// relative (cosine: absolute). Compiled without contraction into fused operations.

/// log2 of a normal x > 0. By atanh's series (Abramowitz and Stegun 4.1.27) on [sqrt(1/2), sqrt(2)).
double portable_log2(double x);
/// Natural logarithm of a normal x > 0.
double portable_log(double x);
/// 2^x; 0 below -1022 and infinity above 1023. By the exponential series (4.2.1) on [-1/2, 1/2].
double portable_exp2(double x);
/// e^x, bounded as portable_exp2.
double portable_exp(double x);
/// x^y for a normal x > 0.
double portable_pow(double x, double y);
/// cos(2 pi t), |t| < 2^52. By the cosine's series (4.3.66) on a quarter turn.
double portable_cos_turns(double t);

}  // namespace kv
