/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * problem_read: the neutral JSON form of the ASPLOS/EuroSys 2025 contest on intra-operator parallelism
 * (google/iopddl), plain or gzip.
 *
 * A reader of its own, because these files reach a gigabyte of numbers: a tree of them would take some forty bytes a
 * number, where this keeps equal rows once (real problems repeat them by the hundred) and reads in one pass with a
 * buffer of a megabyte. It accepts JSON only in the shape of the form, and says where the text leaves it.
 */
#include "solve/solve.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    BUFFER = 1 << 20,
    LONGEST_NUMBER = 400, /* characters of one number; this many are kept in view */
};
static const double forbidden = 1e15;
static const double largest_whole = 9007199254740992.0; /* 2^53 */

/* ---- text ------------------------------------------------------------------------------------------ */

struct place {
    int line, column;
};

struct row {
    int id; /* in `rows` */
    int count;
    struct place place;
};

struct pair {
    int64_t a, b;
    struct place place;
};

typedef SC_VEC(struct row) row_vec;
typedef SC_VEC(struct pair) pair_vec;

struct reader {
    gzFile file;  /* NULL: the text is all in view */
    char *buffer; /* of the file */
    const char *at, *end;
    size_t before; /* bytes of the text ahead of `base` */
    const char *base;
    size_t line_start; /* offset of the line's first byte */
    int line;
    const char *name;
    struct sc_error *err;
    char path[64];
    int index, inner; /* appended to the path; -1: none */

    struct sc_map rows; /* row contents (doubles) to nothing; the index of the entry is the row's id */
    SC_VEC(double) values;
    row_vec node_costs, node_usages, edge_costs;
    pair_vec intervals, edges;
    struct sc_str title;
    double limit;
    unsigned seen;
};

static struct place here(const struct reader *r)
{
    size_t offset = r->before + (size_t)(r->at - r->base);
    return (struct place){r->line, (int)(offset - r->line_start) + 1};
}

static void locate(struct reader *r, struct place place)
{
    if (!r->err)
        return;
    snprintf(r->err->file, sizeof r->err->file, "%s", r->name);
    r->err->line = place.line;
    r->err->column = place.column;
    int length = snprintf(r->err->path, sizeof r->err->path, "%s", r->path);
    if (r->index >= 0)
        length += snprintf(r->err->path + length, sizeof r->err->path - (size_t)length, "[%d]", r->index);
    if (r->inner >= 0)
        snprintf(r->err->path + length, sizeof r->err->path - (size_t)length, "[%d]", r->inner);
}

#define FAIL(r, ...)           (locate((r), here(r)), sc_fail((r)->err, SC_INPUT, __VA_ARGS__))
#define FAIL_AT(r, place, ...) (locate((r), (place)), sc_fail((r)->err, SC_INPUT, __VA_ARGS__))

static enum sc_status no_memory(struct reader *r)
{
    return sc_fail(r->err, SC_NO_MEMORY, "out of memory while reading %s", r->name);
}

/* Bring at least `wanted` bytes into view, unless the text ends before. */
static enum sc_status view(struct reader *r, size_t wanted)
{
    size_t left = (size_t)(r->end - r->at);
    if (left >= wanted || !r->file)
        return SC_OK;
    memmove(r->buffer, r->at, left);
    r->before += (size_t)(r->at - r->base);
    r->at = r->base = r->buffer;
    while (left < wanted) {
        int got = gzread(r->file, r->buffer + left, (unsigned)(BUFFER - left));
        if (got <= 0) {
            int code;
            const char *text = gzerror(r->file, &code);
            r->end = r->buffer + left;
            if (code == Z_BUF_ERROR)
                return FAIL(r, "the compressed file ends too early; it is truncated");
            if (got < 0)
                return sc_fail(r->err, SC_IO, "cannot read %s: %s", r->name, code == Z_ERRNO ? strerror(errno) : text);
            break;
        }
        left += (size_t)got;
    }
    r->end = r->buffer + left;
    return SC_OK;
}

/* Skip blanks; *next is the byte there, -1 at the end. */
static enum sc_status peek(struct reader *r, int *next)
{
    for (;;) {
        if (r->at == r->end) {
            enum sc_status status = view(r, 1);
            if (status != SC_OK)
                return status;
            if (r->at == r->end) {
                *next = -1;
                return SC_OK;
            }
        }
        char c = *r->at;
        if (c == '\n') {
            r->line++;
            r->line_start = r->before + (size_t)(r->at + 1 - r->base);
        } else if (c != ' ' && c != '\t' && c != '\r') {
            *next = (unsigned char)c;
            return SC_OK;
        }
        r->at++;
    }
}

/* What stands at the cursor, for messages. */
static const char *found(int next, char *text)
{
    if (next < 0)
        return "the end of the text";
    if (next > ' ' && next < 127)
        snprintf(text, 16, "'%c'", next);
    else
        snprintf(text, 16, "byte 0x%02x", (unsigned)next);
    return text;
}

static enum sc_status expect(struct reader *r, char wanted, const char *what)
{
    int next;
    char text[16];
    enum sc_status status = peek(r, &next);
    if (status != SC_OK)
        return status;
    if (next != wanted)
        return FAIL(r, "found %s; expected '%c' %s", found(next, text), wanted, what);
    r->at++;
    return SC_OK;
}

/* After an item: *more when a comma follows, else the closing byte was consumed. */
static enum sc_status separator(struct reader *r, char close, bool *more)
{
    int next;
    char text[16];
    enum sc_status status = peek(r, &next);
    if (status != SC_OK)
        return status;
    if (next != ',' && next != close)
        return FAIL(r, "found %s; expected ',' or '%c'", found(next, text), close);
    *more = next == ',';
    r->at++;
    return SC_OK;
}

/* An opening bracket; *empty when its closing one follows at once (then both are consumed). */
static enum sc_status open_list(struct reader *r, char open, char close, const char *what, bool *empty)
{
    int next;
    enum sc_status status = expect(r, open, what);
    if (status == SC_OK)
        status = peek(r, &next);
    if (status != SC_OK)
        return status;
    *empty = next == close;
    if (*empty)
        r->at++;
    return SC_OK;
}

/* ---- scalars --------------------------------------------------------------------------------------- */

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The shape of a JSON number: digits of the mantissa as far as they fit, and the power of ten. */
struct decimal {
    uint64_t digits;
    int power, count; /* count of significant digits */
    bool negative;
};

static const char *scan_digits(const char *p, const char *end, struct decimal *d)
{
    for (; p < end && (unsigned char)(*p - '0') < 10; p++) {
        if (d->count < 19) {
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
            d->count += d->digits != 0;
        } else {
            d->count++;
        }
    }
    return p;
}

/* The end of the number that begins at p, or NULL when there is none. */
static const char *scan_number(const char *p, const char *end, struct decimal *d)
{
    d->negative = p < end && *p == '-';
    p += d->negative;
    const char *first = p;
    p = scan_digits(p, end, d);
    if (p == first || (*first == '0' && p - first > 1))
        return NULL;
    if (p < end && *p == '.') {
        const char *point = ++p;
        p = scan_digits(p, end, d);
        if (p == point)
            return NULL;
        d->power -= (int)(p - point);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool minus = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        const char *start = p;
        int exponent = 0;
        for (; p < end && (unsigned char)(*p - '0') < 10; p++)
            exponent = exponent < 100000 ? exponent * 10 + (*p - '0') : exponent;
        if (p == start)
            return NULL;
        d->power += minus ? -exponent : exponent;
    }
    return p;
}

/* A number. Mantissas of up to 2^53 with powers of ten up to 22 are exact by one operation (Clinger 1990); others go
 * through the C library. Numbers too large become an infinity. */
static enum sc_status number(struct reader *r, double *out)
{
    int next;
    char text[LONGEST_NUMBER + 1];
    enum sc_status status = peek(r, &next);
    if (status == SC_OK && r->end - r->at < LONGEST_NUMBER)
        status = view(r, LONGEST_NUMBER);
    if (status != SC_OK)
        return status;
    struct decimal d = {0};
    const char *end = r->end - r->at > LONGEST_NUMBER ? r->at + LONGEST_NUMBER : r->end;
    const char *p = scan_number(r->at, end, &d);
    if (!p)
        return FAIL(r, "found %s; expected a number", found(next, text));
    if (p - r->at >= LONGEST_NUMBER)
        return FAIL(r, "a number of %d characters or more; expected a shorter one", LONGEST_NUMBER);
    double value;
    if (d.count <= 19 && d.digits <= (uint64_t)1 << 53 && d.power >= -22 && d.power <= 22) {
        value = d.power < 0 ? (double)d.digits / tens[-d.power] : (double)d.digits * tens[d.power];
        value = d.negative ? -value : value;
    } else {
        memcpy(text, r->at, (size_t)(p - r->at));
        text[p - r->at] = 0;
        if (!sc_parse_double(text, &value))
            value = d.negative ? -INFINITY : INFINITY;
    }
    r->at = p;
    *out = value;
    return SC_OK;
}

static enum sc_status whole(struct reader *r, int64_t *out)
{
    double value = 0;
    int next;
    enum sc_status status = peek(r, &next);
    struct place place = here(r);
    if (status == SC_OK)
        status = number(r, &value);
    if (status != SC_OK)
        return status;
    if (value != floor(value) || fabs(value) > largest_whole)
        return FAIL_AT(r, place, "%g is not a whole number within 2^53", value);
    *out = (int64_t)value;
    return SC_OK;
}

static enum sc_status next_byte(struct reader *r, int *byte)
{
    enum sc_status status = r->at == r->end ? view(r, 1) : SC_OK;
    if (status != SC_OK)
        return status;
    if (r->at == r->end)
        return FAIL(r, "the text ends inside a string");
    *byte = (unsigned char)*r->at++;
    return SC_OK;
}

static enum sc_status hex4(struct reader *r, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = 0;
        enum sc_status status = next_byte(r, &c);
        if (status != SC_OK)
            return status;
        int low = c | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return FAIL(r, "a \\u escape needs four hexadecimal digits");
        *out = *out * 16 + (unsigned)digit;
    }
    return SC_OK;
}

static void put_utf8(struct sc_str *out, unsigned code)
{
    char b[4];
    size_t n;
    if (code < 0x80) {
        b[0] = (char)code;
        n = 1;
    } else if (code < 0x800) {
        b[0] = (char)(0xc0 | code >> 6);
        b[1] = (char)(0x80 | (code & 0x3f));
        n = 2;
    } else if (code < 0x10000) {
        b[0] = (char)(0xe0 | code >> 12);
        b[1] = (char)(0x80 | (code >> 6 & 0x3f));
        b[2] = (char)(0x80 | (code & 0x3f));
        n = 3;
    } else {
        b[0] = (char)(0xf0 | code >> 18);
        b[1] = (char)(0x80 | (code >> 12 & 0x3f));
        b[2] = (char)(0x80 | (code >> 6 & 0x3f));
        b[3] = (char)(0x80 | (code & 0x3f));
        n = 4;
    }
    sc_str_addn(out, b, n);
}

static enum sc_status escape(struct reader *r, struct sc_str *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = 0;
    enum sc_status status = next_byte(r, &c);
    if (status != SC_OK)
        return status;
    const char *which = c ? strchr(from, c) : NULL;
    if (which) {
        sc_str_addn(out, &to[which - from], 1);
        return SC_OK;
    }
    if (c != 'u')
        return FAIL(r, "an unknown escape in a string");
    unsigned code, low;
    status = hex4(r, &code);
    if (status != SC_OK)
        return status;
    if (code >= 0xd800 && code < 0xdc00) { /* the first half of a surrogate pair */
        int a = 0, b = 0;
        if ((status = next_byte(r, &a)) != SC_OK || (status = next_byte(r, &b)) != SC_OK)
            return status;
        if (a != '\\' || b != 'u')
            return FAIL(r, "half a surrogate pair in a string");
        if ((status = hex4(r, &low)) != SC_OK)
            return status;
        if (low < 0xdc00 || low > 0xdfff)
            return FAIL(r, "half a surrogate pair in a string");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if ((code >= 0xdc00 && code < 0xe000) || code == 0) {
        return FAIL(r, code ? "half a surrogate pair in a string" : "a NUL in a string");
    }
    put_utf8(out, code);
    return SC_OK;
}

static enum sc_status string(struct reader *r, struct sc_str *out, size_t limit)
{
    enum sc_status status = expect(r, '"', "of a string");
    sc_str_clear(out);
    while (status == SC_OK) {
        int c = 0;
        status = next_byte(r, &c);
        if (status != SC_OK)
            return status;
        if (c == '"')
            return out->failed ? no_memory(r) : SC_OK;
        if (c < ' ')
            return FAIL(r, "byte 0x%02x inside a string; it must be escaped", (unsigned)c);
        if (out->length > limit)
            return FAIL(r, "a string of more than %zu bytes", limit);
        if (c == '\\') {
            status = escape(r, out);
        } else {
            char byte = (char)c;
            sc_str_addn(out, &byte, 1);
        }
    }
    return status;
}

/* ---- the form -------------------------------------------------------------------------------------- */

enum section {
    NAME = 1,
    NODES = 2,
    EDGES = 4,
    LIMIT = 8,
    INTERVALS = 16,
    COSTS = 32,
    USAGES = 64,
    ENDS = 128,
    EDGE_COSTS = 256,
    PROBLEM = 512
};

/* Read one row of numbers into the store of rows. Costs of 1e15 or more become +inf; usages are finite. */
static enum sc_status numbers(struct reader *r, bool costs, row_vec *into)
{
    bool empty = false, more = true;
    int next;
    enum sc_status status = peek(r, &next);
    struct row row = {.place = here(r)};
    if (status == SC_OK)
        status = open_list(r, '[', ']', "of a list of numbers", &empty);
    if (status != SC_OK)
        return status;
    if (empty)
        return FAIL_AT(r, row.place, "an empty list; a node has at least one choice");
    r->values.count = 0;
    for (r->inner = 0; more; r->inner++) {
        double value = 0;
        if ((status = peek(r, &next)) != SC_OK)
            return status;
        struct place place = here(r);
        if ((status = number(r, &value)) != SC_OK)
            return status;
        if (costs && value >= forbidden)
            value = INFINITY;
        if (isinf(value) && !(costs && value > 0))
            return FAIL_AT(r, place, "the number is too large");
        if (!costs && value < 0)
            return FAIL_AT(r, place, "a usage of %g; usages are not negative", value);
        if (r->inner >= 1 << 28 || !sc_vec_push(&r->values, value))
            return no_memory(r);
        if ((status = separator(r, ']', &more)) != SC_OK)
            return status;
    }
    r->inner = -1;
    int64_t id = (int64_t)r->rows.count;
    size_t bytes = r->values.count * sizeof *r->values.data;
    if (!sc_map_get(&r->rows, r->values.data, bytes, &id) && !sc_map_put(&r->rows, r->values.data, bytes, id))
        return no_memory(r);
    row.id = (int)id;
    row.count = (int)r->values.count;
    return sc_vec_push(into, row) ? SC_OK : no_memory(r);
}

static enum sc_status whole_pair(struct reader *r, pair_vec *into)
{
    struct pair pair;
    int next;
    enum sc_status status = peek(r, &next);
    pair.place = here(r);
    if (status == SC_OK)
        status = expect(r, '[', "of a pair of whole numbers");
    if (status == SC_OK)
        status = whole(r, &pair.a);
    if (status == SC_OK)
        status = expect(r, ',', "between two numbers");
    if (status == SC_OK)
        status = whole(r, &pair.b);
    if (status == SC_OK)
        status = expect(r, ']', "after two numbers");
    if (status != SC_OK)
        return status;
    return sc_vec_push(into, pair) ? SC_OK : no_memory(r);
}

static enum sc_status list(struct reader *r, row_vec *rows, bool costs, pair_vec *pairs)
{
    bool empty = false, more;
    enum sc_status status = open_list(r, '[', ']', "of a list", &empty);
    more = !empty;
    for (r->index = 0; status == SC_OK && more; r->index++) {
        if (r->index == 1 << 26)
            return FAIL(r, "more than %d items", 1 << 26);
        status = rows ? numbers(r, costs, rows) : whole_pair(r, pairs);
        if (status == SC_OK)
            status = separator(r, ']', &more);
    }
    if (status == SC_OK)
        r->index = -1;
    return status;
}

/* Members of one object: a table of key, bit and what to read there. */
struct member {
    const char *key;
    enum section bit;
};

static const struct member root_members[] = {{"problem", PROBLEM}, {NULL, 0}};
static const struct member problem_members[] = {
    {"name", NAME}, {"nodes", NODES}, {"edges", EDGES}, {"usage_limit", LIMIT}, {NULL, 0}};
static const struct member node_members[] = {{"intervals", INTERVALS}, {"costs", COSTS}, {"usages", USAGES}, {NULL, 0}};
static const struct member edge_members[] = {{"nodes", ENDS}, {"costs", EDGE_COSTS}, {NULL, 0}};

static enum sc_status object(struct reader *r, const struct member *members);

static enum sc_status read_limit(struct reader *r)
{
    int next;
    enum sc_status status = peek(r, &next);
    struct place place = here(r);
    if (status == SC_OK)
        status = number(r, &r->limit);
    if (status == SC_OK && (r->limit < 0 || isinf(r->limit)))
        return FAIL_AT(r, place, "a usage limit of %g; expected a finite number that is not negative", r->limit);
    return status;
}

static enum sc_status member_value(struct reader *r, enum section bit)
{
    switch (bit) {
    case PROBLEM:
        return object(r, problem_members);
    case NAME:
        return string(r, &r->title, 4096);
    case NODES:
        return object(r, node_members);
    case EDGES:
        return object(r, edge_members);
    case LIMIT:
        return read_limit(r);
    case INTERVALS:
        return list(r, NULL, false, &r->intervals);
    case COSTS:
        return list(r, &r->node_costs, true, NULL);
    case USAGES:
        return list(r, &r->node_usages, false, NULL);
    case ENDS:
        return list(r, NULL, false, &r->edges);
    case EDGE_COSTS:
        return list(r, &r->edge_costs, true, NULL);
    }
    return SC_OK;
}

static enum sc_status find_member(struct reader *r, const struct member *members, const char *key,
                                  const struct member **out)
{
    const char *known[8];
    size_t count = 0;
    for (const struct member *m = members; m->key; m++) {
        if (strcmp(m->key, key) == 0) {
            *out = m;
            if (r->seen & m->bit)
                return FAIL(r, "the key \"%s\" appears twice", key);
            r->seen |= m->bit;
            return SC_OK;
        }
        known[count++] = m->key;
    }
    const char *near = sc_nearest(key, known, count);
    if (near)
        return FAIL(r, "unknown key \"%.100s\"; did you mean \"%s\"?", key, near);
    return FAIL(r, "unknown key \"%.100s\"; known here are \"%s\" and its like", key, known[0]);
}

static enum sc_status object(struct reader *r, const struct member *members)
{
    struct sc_str key = {0};
    bool empty = false, more;
    size_t outer = strlen(r->path);
    enum sc_status status = open_list(r, '{', '}', "of an object", &empty);
    for (more = !empty; status == SC_OK && more;) {
        const struct member *member = NULL;
        status = string(r, &key, 256);
        if (status == SC_OK)
            status = find_member(r, members, sc_str_text(&key), &member);
        if (status == SC_OK)
            status = expect(r, ':', "after a key");
        if (status == SC_OK) {
            snprintf(r->path + outer, sizeof r->path - outer, "%s%s", outer ? "." : "", member->key);
            status = member_value(r, member->bit);
        }
        if (status == SC_OK) {
            r->path[outer] = 0;
            status = separator(r, '}', &more);
        }
    }
    sc_str_free(&key);
    return status;
}

/* ---- from the text to the problem ------------------------------------------------------------------- */

static const double *row_values(const struct reader *r, const struct row *row)
{
    return r->rows.entries[row->id].key;
}

static enum sc_status at_item(struct reader *r, const char *path, int index)
{
    snprintf(r->path, sizeof r->path, "%s", path);
    r->index = index;
    return SC_OK;
}

static enum sc_status check_counts(struct reader *r)
{
    r->path[0] = 0;
    size_t nodes = r->node_costs.count;
    struct place none = {0, 0};
    if (nodes == 0)
        return FAIL_AT(r, none, "there are no nodes; expected \"problem\": {\"nodes\": {\"costs\": [[…]…]}}");
    if ((r->seen & INTERVALS) != 0 ? r->intervals.count != nodes || r->node_usages.count != nodes
                                   : (r->seen & USAGES) != 0)
        return FAIL_AT(r, none, "nodes have %zu costs, %zu intervals and %zu usages; expected as many of each", nodes,
                       r->intervals.count, r->node_usages.count);
    if (r->edges.count != r->edge_costs.count)
        return FAIL_AT(r, none, "edges have %zu pairs of nodes and %zu costs; expected as many of each", r->edges.count,
                       r->edge_costs.count);
    return SC_OK;
}

static enum sc_status build_nodes(struct reader *r, struct sc_problem_builder *b)
{
    for (size_t n = 0; n < r->node_costs.count; n++) {
        const struct row *row = &r->node_costs.data[n];
        at_item(r, "problem.nodes.costs", (int)n);
        if (row->count > 1 << 15)
            return FAIL_AT(r, row->place, "%d choices; at most %d are accepted", row->count, 1 << 15);
        if (sc_problem_add_node(b, row->count, row_values(r, row), NULL) < 0)
            return no_memory(r);
    }
    for (size_t n = 0; n < r->node_usages.count; n++) {
        const struct row *row = &r->node_usages.data[n];
        const struct pair *when = &r->intervals.data[n];
        at_item(r, "problem.nodes.usages", (int)n);
        if (row->count != r->node_costs.data[n].count)
            return FAIL_AT(r, row->place, "%d usages for %d choices; expected one a choice", row->count,
                           r->node_costs.data[n].count);
        if (when->a < when->b && sc_problem_add_usage(b, (int)n, when->a, when->b, row_values(r, row)) < 0)
            return no_memory(r);
    }
    return SC_OK;
}

static enum sc_status build_edges(struct reader *r, struct sc_problem_builder *b)
{
    for (size_t e = 0; e < r->edges.count; e++) {
        const struct pair *ends = &r->edges.data[e];
        const struct row *row = &r->edge_costs.data[e];
        int64_t nodes = (int64_t)r->node_costs.count;
        at_item(r, "problem.edges.nodes", (int)e);
        if (ends->a < 0 || ends->b < 0 || ends->a >= nodes || ends->b >= nodes)
            return FAIL_AT(r, ends->place, "an edge from %" PRId64 " to %" PRId64 "; nodes are 0 to %" PRId64, ends->a,
                           ends->b, nodes - 1);
        if (ends->a == ends->b)
            return FAIL_AT(r, ends->place, "an edge from node %" PRId64 " to itself; expected two nodes", ends->a);
        int rows = r->node_costs.data[ends->a].count, cols = r->node_costs.data[ends->b].count;
        at_item(r, "problem.edges.costs", (int)e);
        if (row->count != (int64_t)rows * cols)
            return FAIL_AT(r, row->place, "%d costs for %d x %d choices; expected one a pair", row->count, rows, cols);
        uint64_t key = sc_hash_u64(sc_hash_u64((uint64_t)rows, (uint64_t)cols), (uint64_t)row->id) | 1;
        int table = sc_problem_add_table(b, rows, cols, row_values(r, row), key);
        if (table < 0 || sc_problem_add_edge(b, (int)ends->a, (int)ends->b, table) < 0)
            return no_memory(r);
    }
    return SC_OK;
}

static enum sc_status build(struct reader *r, struct sc_problem **out)
{
    enum sc_status status = check_counts(r);
    if (status != SC_OK)
        return status;
    struct sc_problem_builder *b = sc_problem_builder_new(sc_str_text(&r->title));
    if (!b)
        return no_memory(r);
    if (r->seen & LIMIT)
        sc_problem_set_limit(b, r->limit);
    status = build_nodes(r, b);
    if (status == SC_OK)
        status = build_edges(r, b);
    if (status == SC_OK)
        status = sc_problem_build(b, out, r->err);
    sc_problem_builder_free(b);
    return status;
}

static enum sc_status read_all(struct reader *r, struct sc_problem **out)
{
    r->line = 1;
    r->index = r->inner = -1;
    int next = 0;
    char text[16];
    enum sc_status status = object(r, root_members);
    if (status == SC_OK)
        status = peek(r, &next);
    if (status == SC_OK && next >= 0)
        status = FAIL(r, "found %s after the end of the problem", found(next, text));
    if (status == SC_OK)
        status = build(r, out);
    sc_map_free(&r->rows);
    sc_vec_free(&r->values);
    sc_vec_free(&r->node_costs);
    sc_vec_free(&r->node_usages);
    sc_vec_free(&r->edge_costs);
    sc_vec_free(&r->intervals);
    sc_vec_free(&r->edges);
    sc_str_free(&r->title);
    return status;
}

enum sc_status sc_problem_parse(const char *file, const char *text, size_t size, struct sc_problem **out,
                                struct sc_error *err)
{
    struct reader r = {.base = text, .at = text, .end = text + size, .name = file ? file : "", .err = err};
    *out = NULL;
    return read_all(&r, out);
}

enum sc_status sc_problem_load(const char *path, struct sc_problem **out, struct sc_error *err)
{
    struct reader r = {.name = path, .err = err};
    *out = NULL;
    errno = 0;
    if (strcmp(path, "-") == 0) {
        int copy = dup(STDIN_FILENO); /* gzclose closes it */
        r.file = copy < 0 ? NULL : gzdopen(copy, "rb");
        if (!r.file && copy >= 0)
            close(copy);
    } else {
        r.file = gzopen(path, "rb");
    }
    if (!r.file)
        return sc_fail(err, SC_IO, "cannot open %s: %s", path, errno ? strerror(errno) : "out of memory");
    gzbuffer(r.file, 1 << 18);
    r.buffer = sc_alloc(BUFFER);
    r.base = r.at = r.end = r.buffer;
    enum sc_status status = r.buffer ? read_all(&r, out) : no_memory(&r);
    sc_free(r.buffer);
    gzclose(r.file);
    return status;
}
