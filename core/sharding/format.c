/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Strategies as text, and back. A line is words; a word is NAME@AXES, NAME@AXES:rs(DIM), +opt@AXES, +grad@AXES, ?AXES.
 */
#include "sharding/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 16 };

/* ---- names ----------------------------------------------------------------------------------------- */

/* The most major factor longer than 1, or the most major one; -1 for a dimension without factors. */
static int lead_factor(const struct sc_rule *rule, const struct sc_walk *walk, int dim)
{
    const struct sc_dim *d = &walk->dim[dim];
    for (int i = 0; i < d->count; i++) {
        if (rule->factor[d->factor[i]].size > 1)
            return d->factor[i];
    }
    return d->count > 0 ? d->factor[0] : -1;
}

void sc_dim_name(const struct sc_rule *rule, const struct sc_walk *walk, int dim, char *out, size_t size)
{
    int factor = walk && dim < walk->rank ? lead_factor(rule, walk, dim) : -1;
    for (int d = 0; factor >= 0 && d < walk->rank; d++) {
        if (d != dim && lead_factor(rule, walk, d) == factor)
            factor = -1;
    }
    if (factor >= 0)
        snprintf(out, size, "%s", rule->factor[factor].name);
    else
        snprintf(out, size, "%d", dim);
}

/* The things that axes can be given to, by name: loops of an op, or dimensions of a tensor. */
struct names {
    int count, dim_count;
    char name[SC_MAX_FACTORS][NAME_SIZE]; /* what strategy.factor counts */
    char dim[SC_MAX_RANK][NAME_SIZE];     /* dimensions of result 0 */
};

static void tensor_names(const struct sc_graph *graph, int tensor, struct names *names)
{
    const struct sc_rule *rule = NULL;
    const struct sc_walk *walk = sc_tensor_walk(graph, tensor, &rule);
    names->count = names->dim_count = graph->tensors[tensor].rank;
    for (int d = 0; d < names->count; d++) {
        sc_dim_name(rule, walk, d, names->dim[d], sizeof names->dim[d]);
        memcpy(names->name[d], names->dim[d], sizeof names->name[d]);
    }
}

static void op_names(const struct sc_graph *graph, int op, struct names *names)
{
    const struct sc_op *o = &graph->ops[op];
    if (sc_subject_of(o) != SC_SUBJECT_OP) {
        tensor_names(graph, o->results[0], names);
        return;
    }
    names->count = o->rule->factor_count;
    for (int f = 0; f < names->count; f++)
        snprintf(names->name[f], sizeof names->name[f], "%s", o->rule->factor[f].name);
    names->dim_count = o->rule->result[0].rank;
    for (int d = 0; d < names->dim_count; d++)
        sc_dim_name(o->rule, &o->rule->result[0], d, names->dim[d], sizeof names->dim[d]);
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* Text of bounded size; what does not fit is left out. */
struct line {
    char *text;
    size_t length, size;
};

static void add(struct line *line, const char *text)
{
    if (line->length < line->size)
        snprintf(line->text + line->length, line->size - line->length, "%s", text);
    line->length += strlen(text);
}

static void add_axes(struct line *line, unsigned axes)
{
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (axes >> a & 1)
            add(line, (const char[]){sc_axis_name(a), '\0'});
    }
}

static void begin_word(struct line *line, const char *text)
{
    add(line, line->length > 0 ? " " : "");
    add(line, text);
}

/* Axes on a factor that resolve alike are one word; words stand in the order of their first axes. */
static void add_factors(struct line *line, const struct names *names, const struct sc_strategy *s)
{
    unsigned done = 0;
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (s->factor[a] < 0 || done >> a & 1)
            continue;
        unsigned alike = 0;
        for (int b = a; b < SC_MAX_AXES; b++)
            alike |= (unsigned)(s->factor[b] == s->factor[a] && s->resolve[b] == s->resolve[a]) << b;
        done |= alike;
        begin_word(line, names->name[s->factor[a]]);
        add(line, "@");
        add_axes(line, alike);
        if (s->resolve[a] >= 0) {
            add(line, ":rs(");
            add(line, names->dim[s->resolve[a]]);
            add(line, ")");
        }
    }
}

static void write_strategy(const struct names *names, const struct sc_strategy *s, char *out, size_t size)
{
    struct line line = {0};
    line.text = out;
    line.size = size;
    add_factors(&line, names, s);
    if (s->partial) {
        begin_word(&line, "?");
        add_axes(&line, s->partial);
    }
    if (s->state_axes) {
        begin_word(&line, s->shard_gradient ? "+grad@" : "+opt@");
        add_axes(&line, s->state_axes);
    }
    add(&line, line.length > 0 ? "" : "(none)");
}

void sc_strategy_format(const struct sc_graph *graph, int op, const struct sc_strategy *strategy, char *out,
                        size_t size)
{
    struct names names;
    op_names(graph, op, &names);
    write_strategy(&names, strategy, out, size);
}

void sc_strategy_format_fanout(const struct sc_graph *graph, int tensor, const struct sc_strategy *strategy, char *out,
                               size_t size)
{
    struct names names;
    tensor_names(graph, tensor, &names);
    write_strategy(&names, strategy, out, size);
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* What a text asks for, in the terms of struct sc_strategy. */
struct asked {
    int8_t factor[SC_MAX_AXES], scatter[SC_MAX_AXES]; /* scatter: -1 none */
    unsigned state, partial, used;
    bool gradient;
};

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at) || *at == ',')
        at++;
    return at;
}

/* A run of characters that can be in a name. */
static const char *read_word(const char *at, char *out, size_t size)
{
    size_t n = 0;
    at = skip_space(at);
    while (*at && !isspace((unsigned char)*at) && !strchr("@:(),?", *at)) {
        if (n + 1 < size)
            out[n++] = *at;
        at++;
    }
    out[n] = '\0';
    return at;
}

/* Axis letters, each new to the text; NULL otherwise. */
static const char *read_axes(const char *at, struct asked *asked, unsigned *axes)
{
    *axes = 0;
    at = skip_space(at);
    for (; *at >= sc_axis_name(0) && *at < sc_axis_name(SC_MAX_AXES); at++) {
        unsigned bit = 1u << (*at - sc_axis_name(0));
        if (asked->used & bit)
            return NULL;
        asked->used |= bit;
        *axes |= bit;
    }
    return *axes ? at : NULL;
}

static int find_name(char names[][NAME_SIZE], int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

/* ":rs(DIM)" after the axes of a loop, or nothing. */
static const char *read_scatter(const char *at, struct names *names, int *dim)
{
    char word[2 * NAME_SIZE];
    const char *next = skip_space(at);
    *dim = -1;
    if (*next != ':')
        return at;
    next = skip_space(read_word(next + 1, word, sizeof word));
    if (strcmp(word, "rs") != 0 || *next != '(')
        return NULL;
    next = skip_space(read_word(next + 1, word, sizeof word));
    *dim = find_name(names->dim, names->dim_count, word);
    return *dim >= 0 && *next == ')' ? next + 1 : NULL;
}

/* One word of the line; NULL when it is not one. */
static const char *read_item(const char *at, struct names *names, struct asked *asked)
{
    char word[2 * NAME_SIZE];
    unsigned axes;
    if (*at == '?') {
        at = read_axes(at + 1, asked, &axes);
        asked->partial |= axes;
        return at;
    }
    at = skip_space(read_word(at, word, sizeof word));
    if (*at != '@' || !(at = read_axes(at + 1, asked, &axes)))
        return NULL;
    if (strcmp(word, "+opt") == 0 || strcmp(word, "+grad") == 0) {
        if (asked->state)
            return NULL;
        asked->state = axes;
        asked->gradient = word[1] == 'g';
        return at;
    }
    int factor = find_name(names->name, names->count, word), dim = -1;
    if (factor < 0 || !(at = read_scatter(at, names, &dim)))
        return NULL;
    for (int a = 0; a < SC_MAX_AXES; a++) {
        if (axes >> a & 1) {
            asked->factor[a] = (int8_t)factor;
            asked->scatter[a] = (int8_t)dim;
        }
    }
    return at;
}

static bool read_line(const char *text, struct names *names, struct asked *asked)
{
    memset(asked, 0, sizeof *asked);
    memset(asked->factor, -1, sizeof asked->factor);
    memset(asked->scatter, -1, sizeof asked->scatter);
    for (const char *at = skip_space(text); *at; at = skip_space(at)) {
        const char *begin = at;
        at = read_item(at, names, asked);
        if (!at || at == begin || (*at && !isspace((unsigned char)*at) && *at != ','))
            return false;
    }
    return true;
}

static bool is_asked(const struct asked *asked, const struct sc_strategy *s)
{
    for (int a = 0; a < SC_MAX_AXES; a++) {
        int scatter = s->resolve[a] >= 0 ? s->resolve[a] : -1;
        if (s->factor[a] != asked->factor[a] || scatter != asked->scatter[a])
            return false;
    }
    return s->state_axes == asked->state && s->partial == asked->partial && s->shard_gradient == asked->gradient;
}

/* Spaces at both ends and inside count for nothing. */
static bool same_letters(const char *a, const char *b)
{
    for (;; a++, b++) {
        a = skip_space(a);
        b = skip_space(b);
        if (*a != *b)
            return false;
        if (!*a)
            return true;
    }
}

bool sc_strategy_matches(const struct sc_graph *graph, int op, const struct sc_strategy *strategy, const char *text)
{
    struct names names;
    struct asked asked;
    if (same_letters(text, "(none)"))
        text = "";
    else if (!strchr(text, '@')) {
        char letters[2 * SC_MAX_RANK + SC_MAX_AXES + 4];
        const struct sc_tensor *tensor = &graph->tensors[graph->ops[op].results[0]];
        sc_spec_format(strategy->result[0], tensor->rank, letters, sizeof letters);
        return same_letters(text, letters);
    }
    op_names(graph, op, &names);
    return read_line(text, &names, &asked) && is_asked(&asked, strategy);
}
