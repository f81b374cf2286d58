/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to sharding: what its files share.
 */
#ifndef SC_SHARDING_INTERNAL_H
#define SC_SHARDING_INTERNAL_H

#include "sharding/sharding.h"

/* May `size` elements be cut into `pieces`? Evenly, or, unless uneven cuts are refused, such that no piece of
 * ceil(size / pieces) elements comes out empty. */
bool sc_cut_allowed(int64_t size, int64_t pieces, enum sc_uneven uneven);

/* Is every dimension of a tensor cut in an allowed way, and every axis on a dimension that exists? */
bool sc_spec_allowed(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size,
                     enum sc_uneven uneven);

/* What an op's strategies are made of: loops of a rule, or dimensions of a tensor. */
enum sc_subject { SC_SUBJECT_OP, SC_SUBJECT_PARAMETER, SC_SUBJECT_INPUT };
enum sc_subject sc_subject_of(const struct sc_op *op);

/* The name of a dimension for people: its most major factor longer than 1, or its number when that is not unique. */
void sc_dim_name(const struct sc_rule *rule, const struct sc_walk *walk, int dim, char *out, size_t size);

#endif
