/* SPDX-License-Identifier: ISC */
#ifndef SDK_MATH_H
#define SDK_MATH_H

#define HUGE_VAL    __builtin_huge_val()
#define INFINITY    __builtin_inff()
#define NAN         __builtin_nanf("")
#define isnan(x)    __builtin_isnan(x)
#define isinf(x)    __builtin_isinf(x)
#define isfinite(x) __builtin_isfinite(x)
#define signbit(x)  __builtin_signbit(x)
#define M_PI        3.14159265358979323846

double ceil(double x);
double cos(double x);
double exp(double x);
double fabs(double x);
float fabsf(float x);
double floor(double x);
float floorf(float x);
double fma(double x, double y, double z);
float fmaf(float x, float y, float z);
double fmod(double x, double y);
double frexp(double x, int *exponent);
double ldexp(double x, int exponent);
double log(double x);
double log2(double x);
double log10(double x);
double modf(double x, double *whole);
double nearbyint(double x);
float nearbyintf(float x);
double pow(double x, double y);
double rint(double x);
double round(double x);
long lround(double x);
long long llround(double x);
double sin(double x);
double sqrt(double x);
float sqrtf(float x);
double trunc(double x);
float truncf(float x);

#endif
