/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kernel: plain loops, built for the processor at hand where the compiler can choose at start-up. Minima are written as
 * comparisons, which every vector unit has; sums of two numbers round the same in any width, so results do not depend
 * on the processor.
 */
#include "solve/kernel.h"

#include <math.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTORS __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef VECTORS
#define VECTORS
#endif

VECTORS
void sc_kernel_min(double *out, ptrdiff_t out_step, int k, int n, const double *s, const double *a, ptrdiff_t a_step,
                   const double *b, ptrdiff_t b_step)
{
    for (int c = 0; c < k; c++) {
        double base = s[c];
        double *restrict to = out + c * out_step;
        if (base == INFINITY)
            continue;
        if (a && b) {
            const double *restrict x = a + c * a_step, *restrict y = b + c * b_step;
            for (int j = 0; j < n; j++) {
                double value = base + (x[j] + y[j]);
                to[j] = value < to[j] ? value : to[j];
            }
        } else if (a) {
            const double *restrict x = a + c * a_step;
            for (int j = 0; j < n; j++) {
                double value = base + x[j];
                to[j] = value < to[j] ? value : to[j];
            }
        } else {
            for (int j = 0; j < n; j++)
                to[j] = base < to[j] ? base : to[j];
        }
    }
}

/* Four running minima, since one would wait for itself. */
VECTORS
static double least_sum(const double *restrict x, const double *restrict y, int n)
{
    double m[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    int j = 0;
    for (; j + 4 <= n; j += 4)
        for (int i = 0; i < 4; i++) {
            double value = x[j + i] + y[j + i];
            m[i] = value < m[i] ? value : m[i];
        }
    for (; j < n; j++)
        m[0] = x[j] + y[j] < m[0] ? x[j] + y[j] : m[0];
    m[0] = m[1] < m[0] ? m[1] : m[0];
    m[2] = m[3] < m[2] ? m[3] : m[2];
    return m[2] < m[0] ? m[2] : m[0];
}

VECTORS
double sc_kernel_least(const double *a, size_t n)
{
    double m[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    size_t j = 0;
    for (; j + 4 <= n; j += 4)
        for (size_t i = 0; i < 4; i++)
            m[i] = a[j + i] < m[i] ? a[j + i] : m[i];
    for (; j < n; j++)
        m[0] = a[j] < m[0] ? a[j] : m[0];
    m[0] = m[1] < m[0] ? m[1] : m[0];
    m[2] = m[3] < m[2] ? m[3] : m[2];
    return m[2] < m[0] ? m[2] : m[0];
}

void sc_kernel_reduce(double *out, ptrdiff_t out_step, int k, int n, const double *s, const double *a, ptrdiff_t a_step,
                      const double *b, ptrdiff_t b_step)
{
    for (int c = 0; c < k; c++) {
        if (s[c] == INFINITY)
            continue;
        double least = 0;
        if (a && b)
            least = least_sum(a + c * a_step, b + c * b_step, n);
        else if (a)
            least = sc_kernel_least(a + c * a_step, (size_t)n);
        double *to = out + c * out_step;
        *to = s[c] + least < *to ? s[c] + least : *to;
    }
}

VECTORS
void sc_kernel_add(double *to, const double *from, size_t n)
{
    for (size_t j = 0; j < n; j++)
        to[j] += from[j];
}
