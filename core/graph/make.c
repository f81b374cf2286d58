/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Makers of rules for kinds that are loops over numbers: element-wise with broadcast, convolution, pooling, attention,
 * norms over groups, reductions. Each writes the rule text that a person would write for these shapes.
 */
#include "make.h"
#include "private.h"

#include <stdio.h>
#include <string.h>

/* ---- attributes and shapes ------------------------------------------------------------------------ */

const struct sc_attribute *sc_make_attribute(const struct sc_making *m, const char *name)
{
    for (int i = 0; i < m->spec->attribute_count; i++)
        if (strcmp(m->spec->attributes[i].name, name) == 0)
            return &m->spec->attributes[i];
    return NULL;
}

enum sc_status sc_make_int(const struct sc_making *m, const char *name, int64_t absent, int64_t min, int64_t max,
                           int64_t *out)
{
    const struct sc_attribute *attribute = sc_make_attribute(m, name);
    if (!attribute && absent == SC_REQUIRED)
        return sc_fail(m->err, SC_INPUT, "%s needs the attribute \"%s\"", m->spec->kind, name);
    *out = attribute ? attribute->values[0] : absent;
    if (attribute && attribute->count != 1)
        return sc_fail(m->err, SC_INPUT, "the attribute \"%s\" is a list of %d; it has to be one number", name,
                       attribute->count);
    if (attribute && (*out < min || *out > max))
        return sc_fail(m->err, SC_INPUT, "the attribute \"%s\" is %lld; it has to be from %lld to %lld", name,
                       (long long)*out, (long long)min, (long long)max);
    return SC_OK;
}

enum sc_status sc_make_axis(const struct sc_making *m, int64_t value, int rank, int *out)
{
    if (value < -rank || value >= rank)
        return sc_fail(m->err, SC_INPUT, "axis %lld; the operand has %d dimensions, so from %d to %d", (long long)value,
                       rank, -rank, rank - 1);
    *out = (int)(value < 0 ? value + rank : value);
    return SC_OK;
}

enum sc_status sc_make_rank(const struct sc_making *m, int operand, int rank)
{
    int has = m->binding->operands[operand].rank;
    if (has == rank)
        return SC_OK;
    return sc_fail(m->err, SC_INPUT, "operand %d of %s has %d dimensions; it has to have %d", operand + 1,
                   m->spec->kind, has, rank);
}

void sc_make_size(const struct sc_making *m, const char *name, int64_t value)
{
    struct sc_size *size = &m->binding->sizes[m->binding->size_count++];
    snprintf(size->name, sizeof size->name, "%s", name);
    size->value = value;
}

const char *sc_make_name(struct sc_names *names, const char *wanted)
{
    char name[SC_NAME_SIZE];
    snprintf(name, sizeof name, "%s", wanted);
    for (int tries = 0;; tries++) {
        bool taken = !*name;
        for (int i = 0; i < names->count && !taken; i++)
            taken = strcmp(names->name[i], name) == 0;
        if (!taken)
            break;
        snprintf(name, sizeof name, "d%d", tries);
    }
    memcpy(names->name[names->count], name, sizeof name);
    return names->name[names->count++];
}

static void describe_shape(const struct sc_shape *shape, char *out, size_t size)
{
    struct sc_str text = {0};
    for (int d = 0; d < shape->rank; d++)
        sc_str_addf(&text, "%s%lld", d ? ", " : "", (long long)shape->size[d]);
    snprintf(out, size, "[%s]", sc_str_text(&text));
    sc_str_free(&text);
}

/* ---- element-wise with broadcast ------------------------------------------------------------------ */

/* Size of dimension d (counted from the last, 0) after broadcast; the operand that has it into *owner. */
static int64_t broadcast_size(const struct sc_binding *b, int d, int *owner)
{
    int64_t size = 0;
    for (int k = 0; k < b->operand_count; k++) {
        const struct sc_shape *shape = &b->operands[k];
        int64_t own = d < shape->rank ? shape->size[shape->rank - 1 - d] : 0;
        if (own > size) {
            size = own;
            *owner = k;
        }
    }
    return size;
}

enum sc_status sc_make_broadcast(struct sc_making *m)
{
    const struct sc_binding *b = m->binding;
    struct sc_names names = {0};
    const char *name[SC_MAX_RANK];
    int64_t size[SC_MAX_RANK];
    int rank = 0;
    for (int k = 0; k < b->operand_count; k++)
        rank = b->operands[k].rank > rank ? b->operands[k].rank : rank;
    for (int d = rank - 1; d >= 0; d--) { /* major first, so that fallback names count from the left */
        int owner = 0;
        size[d] = broadcast_size(b, d, &owner);
        name[d] = sc_make_name(&names, b->operands[owner].names[b->operands[owner].rank - 1 - d]);
    }
    for (int k = 0; k < b->operand_count; k++) {
        const struct sc_shape *shape = &b->operands[k];
        sc_str_add(m->text, k ? ", " : "");
        sc_str_add(m->text, shape->rank == 0 ? "()" : "");
        for (int i = 0; i < shape->rank; i++) {
            int d = shape->rank - 1 - i;
            if (shape->size[i] != size[d] && shape->size[i] != 1) {
                char first[128], second[128];
                describe_shape(&b->operands[0], first, sizeof first);
                describe_shape(k ? shape : &b->operands[1], second, sizeof second);
                return sc_fail(m->err, SC_INPUT, "shapes %s and %s do not go together; sizes have to be equal or 1",
                               first, second);
            }
            sc_str_addf(m->text, " %s", shape->size[i] == size[d] ? name[d] : "_");
        }
    }
    sc_str_add(m->text, " ->");
    for (int d = rank - 1; d >= 0; d--)
        sc_str_addf(m->text, " %s", name[d]);
    m->flops *= b->operand_count - 1;
    return SC_OK;
}

/* ---- windows -------------------------------------------------------------------------------------- */

/* How one spatial dimension goes through a window: its text in the operand and the clause it needs. */
struct window {
    char operand[24], clause[32];
    int64_t out;
};

static enum sc_status slide_window(const struct sc_making *m, const char *name, int64_t in, int64_t window,
                                   int64_t stride, int64_t padding, struct window *w)
{
    int64_t before = padding, out;
    if (padding < 0) { /* "same": as many windows as strides fit */
        out = (in + stride - 1) / stride;
        before = window > stride ? (window - stride) / 2 : 0;
    } else {
        out = in + 2 * padding < window ? 0 : (in + 2 * padding - window) / stride + 1;
    }
    if (out < 1)
        return sc_fail(m->err, SC_INPUT, "a window of %lld does not fit into %lld with padding %lld", (long long)window,
                       (long long)in, (long long)padding);
    int64_t after = window - stride - before, halo = before > after ? before : after;
    *w = (struct window){.out = out};
    if (out * stride == in) {
        snprintf(w->operand, sizeof w->operand, stride == 1 ? "%s" : "%s*%lld", name, (long long)stride);
        if (halo > 0)
            snprintf(w->clause, sizeof w->clause, "halo %s %lld", name, (long long)halo);
    } else { /* borders do not fall on windows: not sharded */
        snprintf(w->operand, sizeof w->operand, "_");
        snprintf(w->clause, sizeof w->clause, "replicate %s", name);
    }
    return SC_OK;
}

/* Stride, padding (-1: same) and the two windows of a [b, c, h, w] operand. */
static enum sc_status slide_windows(const struct sc_making *m, int64_t height, int64_t width, int64_t stride_absent,
                                    struct window *h, struct window *w, int64_t *stride)
{
    int64_t padding = 0;
    enum sc_status status = sc_make_int(m, "stride", stride_absent, 1, 1000, stride);
    if (status == SC_OK)
        status = sc_make_int(m, "padding", -1, 0, 1000, &padding);
    const int64_t *size = m->binding->operands[0].size;
    if (status == SC_OK)
        status = slide_window(m, "h", size[2], height, *stride, padding, h);
    if (status == SC_OK)
        status = slide_window(m, "w", size[3], width, *stride, padding, w);
    if (status != SC_OK)
        return status;
    sc_make_size(m, "h", h->out);
    sc_make_size(m, "w", w->out);
    return SC_OK;
}

static void add_clauses(struct sc_str *text, const char *const *clauses, size_t count)
{
    const char *separator = " | ";
    for (size_t i = 0; i < count; i++)
        if (*clauses[i]) {
            sc_str_addf(text, "%s%s", separator, clauses[i]);
            separator = ", ";
        }
}

enum sc_status sc_make_conv2d(struct sc_making *m)
{
    struct window h = {0}, w = {0};
    int64_t stride = 0;
    enum sc_status status = sc_make_rank(m, 0, 4);
    if (status == SC_OK)
        status = sc_make_rank(m, 1, 4);
    const int64_t *kernel = m->binding->operands[1].size;
    if (status == SC_OK)
        status = slide_windows(m, kernel[2], kernel[3], 1, &h, &w, &stride);
    if (status != SC_OK)
        return status;
    sc_str_addf(m->text, "b c %s %s, o c k l -> b o h w", h.operand, w.operand);
    add_clauses(m->text, (const char *[]){"replicate k", "replicate l", h.clause, w.clause}, 4);
    /* Channels stay "c" for the next reader, or names would alternate from convolution to convolution. */
    for (int d = 0; d < 4; d++)
        memcpy(m->binding->results[0].names[d], &"b\0c\0h\0w"[2 * d], 2);
    m->binding->named = true;
    m->binding->inherit = false;
    return SC_OK;
}

enum sc_status sc_make_pool(struct sc_making *m)
{
    struct window h = {0}, w = {0};
    int64_t window = 0, stride = 0;
    enum sc_status status = sc_make_rank(m, 0, 4);
    if (status == SC_OK)
        status = sc_make_int(m, "window", SC_REQUIRED, 1, 1000, &window);
    if (status == SC_OK)
        status = slide_windows(m, window, window, window, &h, &w, &stride);
    if (status != SC_OK)
        return status;
    sc_str_addf(m->text, "b c %s %s -> b c h w", h.operand, w.operand);
    add_clauses(m->text, (const char *[]){h.clause, w.clause}, 2);
    m->flops *= (double)(window * window);
    return SC_OK;
}

enum sc_status sc_make_upsample(struct sc_making *m)
{
    int64_t scale = 0;
    enum sc_status status = sc_make_rank(m, 0, 4);
    if (status == SC_OK)
        status = sc_make_int(m, "scale", 2, 1, 1000, &scale);
    if (status == SC_OK)
        sc_str_addf(m->text, "b c h w -> b c h*%lld w*%lld", (long long)scale, (long long)scale);
    if (status == SC_OK)
        m->flops *= (double)(scale * scale);
    return status;
}

/* ---- attention ------------------------------------------------------------------------------------ */

/* One operand's text: leading dimensions, then heads and width, as one dimension (rank 3) or two (rank 4). */
static void add_heads(struct sc_str *text, int rank, const char *lead, const char *heads, const char *width)
{
    if (rank == 3)
        sc_str_addf(text, "%s (%s %s)", lead, heads, width);
    else
        sc_str_addf(text, strchr(heads, ' ') ? "%s (%s) %s" : "%s %s %s", lead, heads, width);
}

static enum sc_status count_heads(const struct sc_making *m, int64_t *heads, int64_t *kv_heads)
{
    const struct sc_shape *q = &m->binding->operands[0], *k = &m->binding->operands[1];
    bool flat = q->rank == 3;
    enum sc_status status = sc_make_int(m, "heads", flat ? SC_REQUIRED : q->size[2], 1, INT32_MAX, heads);
    if (status == SC_OK)
        status = sc_make_int(m, "kv_heads", flat ? *heads : k->size[2], 1, INT32_MAX, kv_heads);
    if (status == SC_OK && *heads % *kv_heads != 0)
        return sc_fail(m->err, SC_INPUT, "%lld query heads do not share %lld key heads evenly", (long long)*heads,
                       (long long)*kv_heads);
    return status;
}

/* Width of one head of an operand: its last dimension, divided by the heads when they are folded into it. */
static enum sc_status head_width(const struct sc_making *m, int operand, int64_t heads, int64_t *out)
{
    const struct sc_shape *shape = &m->binding->operands[operand];
    int64_t last = shape->size[shape->rank - 1];
    *out = shape->rank == 3 ? last / heads : last;
    if (shape->rank == 3 && last % heads != 0)
        return sc_fail(m->err, SC_INPUT, "operand %d is %lld wide, which %lld heads do not divide", operand + 1,
                       (long long)last, (long long)heads);
    return SC_OK;
}

/* Loops: batch b, queries s, keys t, key heads g, queries a key head r, widths d (and e of the values, when it is
 * another). With a cache, queries are few and keys are summed over: each device keeps its part of the softmax. */
enum sc_status sc_make_attention(struct sc_making *m)
{
    struct sc_binding *b = m->binding;
    int rank = b->operands[0].rank;
    if (rank != 3 && rank != 4)
        return sc_fail(m->err, SC_INPUT, "operand 1 of attention has %d dimensions; it has to have 3 or 4", rank);
    if (b->operand_count == 4)
        return sc_fail(m->err, SC_INPUT, "attention has 4 operands; it takes 3, or 5 with caches of keys and values");
    int64_t heads = 1, kv_heads = 1, d = 0, e = 0;
    enum sc_status status = SC_OK;
    for (int k = 1; k < b->operand_count && status == SC_OK; k++)
        status = sc_make_rank(m, k, rank);
    if (status == SC_OK)
        status = count_heads(m, &heads, &kv_heads);
    if (status == SC_OK)
        status = head_width(m, 0, heads, &d);
    if (status == SC_OK)
        status = head_width(m, 2, kv_heads, &e);
    if (status != SC_OK)
        return status;
    bool cached = b->operand_count == 5;
    const char *queries = heads == kv_heads ? "g" : "g r", *values = d == e ? "d" : "e";
    add_heads(m->text, rank, "b s", queries, "d");
    for (int k = 1; k < b->operand_count; k++) {
        sc_str_add(m->text, ", ");
        add_heads(m->text, rank, cached && k < 3 ? "b s" : "b t", "g", k % 2 ? "d" : values);
    }
    sc_str_add(m->text, " -> ");
    add_heads(m->text, rank, "b s", queries, values);
    sc_str_addf(m->text, " | replicate d%s%s", d == e ? "" : ", replicate e", cached ? "" : ", ring t s");
    sc_make_size(m, "g", kv_heads);
    if (heads != kv_heads)
        sc_make_size(m, "r", heads / kv_heads);
    if (d != e) /* scores take 2 d, their product with values 2 e, of a nest of d × e */
        m->flops = 2.0 * (double)(d + e) / ((double)d * (double)e);
    b->inherit = false;
    return SC_OK;
}

/* Attention in the latent space (DeepSeek-V2, arXiv 2405.04434, with the key projection absorbed into the queries):
 * queries of width e = latent + rotary a head, one key of that width for all heads, its first c numbers are the value.
 */
enum sc_status sc_make_mla(struct sc_making *m)
{
    struct sc_binding *b = m->binding;
    int64_t heads = 1, latent = 0, e = 0;
    enum sc_status status = SC_OK;
    for (int k = 0; k < b->operand_count && status == SC_OK; k++)
        status = sc_make_rank(m, k, 3);
    if (status == SC_OK)
        status = sc_make_int(m, "heads", SC_REQUIRED, 1, INT32_MAX, &heads);
    if (status == SC_OK)
        status = sc_make_int(m, "latent", SC_REQUIRED, 1, INT32_MAX, &latent);
    if (status == SC_OK)
        status = head_width(m, 0, heads, &e);
    if (status != SC_OK)
        return status;
    if (latent > e)
        return sc_fail(m->err, SC_INPUT, "latent %lld is wider than the queries of a head, %lld", (long long)latent,
                       (long long)e);
    bool cached = b->operand_count == 3;
    sc_str_addf(m->text, "b s (n e), %sb t e -> b s (n c) | replicate e, replicate c%s", cached ? "b s e, " : "",
                cached ? "" : ", ring t s");
    sc_make_size(m, "n", heads);
    sc_make_size(m, "c", latent);
    m->flops = 2.0 * (double)(e + latent) / ((double)e * (double)latent);
    b->inherit = false;
    return SC_OK;
}

enum sc_status sc_make_rotary(struct sc_making *m)
{
    int64_t heads = 0;
    const struct sc_shape *shape = &m->binding->operands[0];
    bool folded = shape->rank < 4;
    if (shape->rank < 1)
        return sc_make_rank(m, 0, 3);
    enum sc_status status = sc_make_int(m, "heads", folded ? SC_REQUIRED : 1, 1, INT32_MAX, &heads);
    if (status != SC_OK)
        return status;
    if (!folded) {
        sc_str_add(m->text, "... d -> ... d | replicate d");
        return SC_OK;
    }
    sc_str_add(m->text, "... (n d) -> ... (n d) | replicate d");
    sc_make_size(m, "n", heads);
    return SC_OK;
}

/* ---- norms, top-k, reduce ------------------------------------------------------------------------- */

enum sc_status sc_make_group_norm(struct sc_making *m)
{
    int64_t groups = 0;
    enum sc_status status = sc_make_rank(m, 0, 4);
    if (status == SC_OK)
        status = sc_make_int(m, "groups", SC_REQUIRED, 1, INT32_MAX, &groups);
    if (status != SC_OK)
        return status;
    sc_str_add(m->text, "b (g c) h w, (g c), (g c) -> b (g c) h w | stat c 2, stat h 2, stat w 2");
    sc_make_size(m, "g", groups);
    return SC_OK;
}

enum sc_status sc_make_top_k(struct sc_making *m)
{
    int64_t k = 0;
    const struct sc_shape *shape = &m->binding->operands[0];
    if (shape->rank < 1)
        return sc_make_rank(m, 0, 1);
    enum sc_status status = sc_make_int(m, "k", SC_REQUIRED, 1, shape->size[shape->rank - 1], &k);
    if (status != SC_OK)
        return status;
    sc_str_add(m->text, "... n -> ... k, ... k | replicate n, replicate k");
    sc_make_size(m, "k", k);
    m->result_count = 2;
    m->dtype[0] = shape->dtype;
    m->dtype[1] = SC_DTYPE_INT32;
    return SC_OK;
}

enum sc_status sc_make_reduce(struct sc_making *m)
{
    const struct sc_attribute *axes = sc_make_attribute(m, "axes");
    int rank = m->binding->operands[0].rank;
    bool gone[SC_MAX_RANK] = {false};
    for (int i = 0; axes && i < axes->count; i++) {
        int axis = 0;
        enum sc_status status = sc_make_axis(m, axes->values[i], rank, &axis);
        if (status != SC_OK)
            return status;
        if (gone[axis])
            return sc_fail(m->err, SC_INPUT, "axis %d is listed twice", axis);
        gone[axis] = true;
    }
    for (int d = 0; d < rank; d++)
        sc_str_addf(m->text, "%sd%d", d ? " " : "", d);
    sc_str_add(m->text, rank ? " ->" : "() ->");
    for (int d = 0; d < rank; d++)
        if (axes && !gone[d])
            sc_str_addf(m->text, " d%d", d);
    return SC_OK;
}
