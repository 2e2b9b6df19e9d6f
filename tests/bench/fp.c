/* SPDX-License-Identifier: ISC */
/* Scalar floating point. The checksums leave out the low bits of the results, not because machines
 * may differ in them but so that a change of compiler does not show. */

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "workload.h"

static uint64_t high_bits(double value, int drop)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits >> drop;
}

#define SOLAR_MASS (4 * 3.141592653589793 * 3.141592653589793)
#define DAYS       365.24

struct body {
    double x, y, z, vx, vy, vz, mass;
};

/* The Sun, Jupiter, Saturn, Uranus, Neptune (the Computer Language Benchmarks Game's n-body). */
enum { BODIES = 5 };
static const struct body planets[BODIES] = {
    {0, 0, 0, 0, 0, 0, SOLAR_MASS},
    {4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01,
     1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS,
     -6.90460016972063023e-05 * DAYS, 9.54791938424326609e-04 * SOLAR_MASS},
    {8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01,
     -2.76742510726411040e-03 * DAYS, 4.99852801234917238e-03 * DAYS,
     2.30417297573763929e-05 * DAYS, 2.85885980666130812e-04 * SOLAR_MASS},
    {1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01,
     2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS,
     -2.96589568540237556e-05 * DAYS, 4.36624404335156298e-05 * SOLAR_MASS},
    {1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01,
     2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS,
     -9.51592254519715870e-05 * DAYS, 5.15138902046611451e-05 * SOLAR_MASS},
};

static void attract(struct body *a, struct body *b)
{
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double d2 = dx * dx + dy * dy + dz * dz;
    double pull = 0.01 / (d2 * sqrt(d2));

    a->vx -= dx * b->mass * pull;
    a->vy -= dy * b->mass * pull;
    a->vz -= dz * b->mass * pull;
    b->vx += dx * a->mass * pull;
    b->vy += dy * a->mass * pull;
    b->vz += dz * a->mass * pull;
}

static uint64_t run_nbody(void)
{
    struct body bodies[BODIES];

    memcpy(bodies, planets, sizeof(bodies));
    for (long step = 0, steps = scaled(3000000); step < steps; step++) {
        for (int i = 0; i < BODIES; i++) {
            for (int j = i + 1; j < BODIES; j++)
                attract(&bodies[i], &bodies[j]);
        }
        for (int i = 0; i < BODIES; i++) {
            bodies[i].x += 0.01 * bodies[i].vx;
            bodies[i].y += 0.01 * bodies[i].vy;
            bodies[i].z += 0.01 * bodies[i].vz;
        }
    }
    return high_bits(bodies[0].x * 1e3, 40);
}

enum { MATRIX = 256 };

static uint64_t run_matdbl(void)
{
    static double a[MATRIX][MATRIX], b[MATRIX][MATRIX], product[MATRIX][MATRIX];

    for (int i = 0; i < MATRIX; i++) {
        for (int j = 0; j < MATRIX; j++) {
            a[i][j] = (double)(random64() & 0xffff) / 65536.0;
            b[i][j] = (double)(random64() & 0xffff) / 65536.0;
        }
    }
    for (long round = 0, rounds = scaled(25); round < rounds; round++) {
        for (int i = 0; i < MATRIX; i++) {
            for (int j = 0; j < MATRIX; j++) {
                double sum = 0;
                for (int m = 0; m < MATRIX; m++)
                    sum += a[i][m] * b[m][j];
                product[i][j] = sum;
            }
        }
        a[round % MATRIX][3] += product[5][round % MATRIX] * 1e-9;
    }
    return high_bits(product[5][7], 40);
}

static int mandelbrot(double cr, double ci)
{
    double zr = 0, zi = 0;
    int i = 0;

    while (i < 200 && zr * zr + zi * zi < 4) {
        double next = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = next;
        i++;
    }
    return i;
}

static uint64_t run_mandel(void)
{
    enum { WIDTH = 600 };
    uint64_t sum = 0;

    for (long round = 0, rounds = scaled(3); round < rounds; round++) {
        for (int y = 0; y < WIDTH; y++) {
            for (int x = 0; x < WIDTH; x++)
                sum += (uint64_t)mandelbrot(-2 + 3.0 * x / WIDTH, -1.5 + 3.0 * y / WIDTH);
        }
    }
    return sum;
}

static uint64_t run_spectral(void)
{
    enum { LENGTH = 500 };
    static double u[LENGTH], v[LENGTH];

    for (int i = 0; i < LENGTH; i++)
        u[i] = 1;
    for (long round = 0, rounds = scaled(300); round < rounds; round++) {
        for (int i = 0; i < LENGTH; i++) {
            double sum = 0;
            for (int j = 0; j < LENGTH; j++)
                sum += u[j] / (double)((i + j) * (i + j + 1) / 2 + i + 1);
            v[i] = sum;
        }
        double first = v[0];
        for (int i = 0; i < LENGTH; i++)
            u[i] = v[i] / first;
    }
    return high_bits(u[LENGTH / 2], 36);
}

/* Conversions, comparisons, minima, and the C library's mathematics. */
static uint64_t run_fpmix(void)
{
    double sum = 0;

    for (long i = 1, count = scaled(4000000); i <= count; i++) {
        double x = (double)(i % 1000) * 0.001 + 0.1;
        sum += sin(x) * exp(-x) + log(x + 1.0);
        int quotient = (int)(sum * 16.0);
        if (quotient & 1)
            sum -= 0.25;
        sum = fmin(sum, 1e6);
        float single = (float)sum;
        sum += (double)(single * 0.5f) * 1e-9;
    }
    return high_bits(sum, 40);
}

const struct workload fp_workloads[] = {
    {"nbody", run_nbody},       {"matdbl", run_matdbl}, {"mandel", run_mandel},
    {"spectral", run_spectral}, {"fpmix", run_fpmix},   {NULL, NULL},
};
