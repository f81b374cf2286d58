/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Specs: which axes shard which dimension.
 */
#include "sharding/internal.h"

#include <string.h>

int sc_axes_product(const struct sc_axes *axes, unsigned mask)
{
    int product = 1;
    for (int a = 0; a < axes->count; a++) {
        if (mask >> a & 1)
            product *= axes->size[a];
    }
    return product;
}

char sc_axis_name(int axis)
{
    return (char)('x' + axis);
}

bool sc_spec_equal(struct sc_spec a, struct sc_spec b)
{
    return memcmp(a.dim, b.dim, sizeof a.dim) == 0;
}

unsigned sc_spec_axes(struct sc_spec spec)
{
    unsigned mask = 0;
    for (int a = 0; a < SC_MAX_AXES; a++)
        mask |= (unsigned)(spec.dim[a] >= 0) << a;
    return mask;
}

unsigned sc_spec_dim_axes(struct sc_spec spec, int dim)
{
    unsigned mask = 0;
    for (int a = 0; a < SC_MAX_AXES; a++)
        mask |= (unsigned)(spec.dim[a] == dim) << a;
    return mask;
}

int sc_spec_shards(struct sc_spec spec, const struct sc_axes *axes)
{
    return sc_axes_product(axes, sc_spec_axes(spec));
}

void sc_spec_format(struct sc_spec spec, int rank, char *out, size_t size)
{
    char text[2 * SC_MAX_RANK + SC_MAX_AXES + 4];
    size_t n = 0;
    if (rank == 0) {
        text[n++] = '(';
        text[n++] = ')';
    }
    for (int d = 0; d < rank && d < SC_MAX_RANK; d++) {
        unsigned on = sc_spec_dim_axes(spec, d);
        text[n++] = on ? 'S' : 'R';
        for (int a = 0; a < SC_MAX_AXES; a++) {
            if (on >> a & 1)
                text[n++] = (char)('0' + a);
        }
    }
    if (size == 0)
        return;
    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

double sc_spec_bytes(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size, double item_bytes,
                     enum sc_uneven uneven)
{
    double bytes = item_bytes;
    for (int d = 0; d < rank; d++) {
        int pieces = sc_axes_product(axes, sc_spec_dim_axes(spec, d));
        if (uneven == SC_UNEVEN_PAD)
            bytes *= (double)((size[d] - 1) / pieces + 1);
        else
            bytes *= (double)size[d] / pieces;
    }
    return bytes;
}

bool sc_cut_allowed(int64_t size, int64_t pieces, enum sc_uneven uneven)
{
    if (size % pieces == 0)
        return size > 0;
    if (uneven == SC_UNEVEN_REFUSE || size < pieces)
        return false;
    int64_t piece = (size - 1) / pieces + 1;
    return (size - 1) / piece + 1 == pieces;
}

bool sc_spec_allowed(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size,
                     enum sc_uneven uneven)
{
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (spec.dim[a] >= 0 && (a >= axes->count || spec.dim[a] >= rank))
            return false;
    }
    for (int d = 0; d < rank; d++) {
        if (!sc_cut_allowed(size[d], sc_axes_product(axes, sc_spec_dim_axes(spec, d)), uneven))
            return false;
    }
    return true;
}

bool sc_spec_divides(struct sc_spec spec, const struct sc_axes *axes, int rank, const int64_t *size)
{
    return sc_spec_allowed(spec, axes, rank, size, SC_UNEVEN_REFUSE);
}

const char *sc_collective_name(enum sc_collective kind)
{
    static const char *const names[] = {
#define X(id, name) name,
        SC_COLLECTIVE_MAP(X)
#undef X
    };
    return names[kind];
}
