/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kernel: the innermost loops, over contiguous rows of doubles so that they vectorise. Private to this folder.
 */
#ifndef SC_SOLVE_KERNEL_H
#define SC_SOLVE_KERNEL_H

#include <stddef.h>

/* For each c < k and j < n: out[c * out_step + j] = min(itself, s[c] + a[c * a_step + j] + b[c * b_step + j]).
 * a and b may be NULL (0); c with s[c] = +inf are skipped. */
void sc_kernel_min(double *out, ptrdiff_t out_step, int k, int n, const double *s, const double *a, ptrdiff_t a_step,
                   const double *b, ptrdiff_t b_step);
/* For each c < k: out[c * out_step] = min(itself, s[c] + min over j < n of a[c * a_step + j] + b[c * b_step + j]). */
void sc_kernel_reduce(double *out, ptrdiff_t out_step, int k, int n, const double *s, const double *a, ptrdiff_t a_step,
                      const double *b, ptrdiff_t b_step);
/* to[j] += from[j]. */
void sc_kernel_add(double *to, const double *from, size_t n);
double sc_kernel_least(const double *a, size_t n);

#endif
