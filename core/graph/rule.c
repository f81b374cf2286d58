/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rules: from text ("b s h, h f -> b s f | stat h 2") and the operands' shapes to factors with sizes and kinds. The
 * grammar is in graph.h. Three passes: read the text into names, expand "..." to the operands' ranks, solve for sizes.
 */
#include "private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_GROUPS = 2 * SC_MAX_PORTS };

struct group {
    int rank;
    int ellipsis; /* position of "...", -1: none */
    struct sc_dim dim[SC_MAX_RANK];
};

struct reader {
    const char *text, *at;
    struct sc_arena *arena;
    struct sc_binding *binding;
    struct sc_error *err;
    bool letters; /* compact form: every letter is a name */
    struct group group[MAX_GROUPS];
    int operand_count, result_count;
    struct sc_factor factor[SC_MAX_FACTORS];
    int factor_count;
    int ellipsis_rank, ellipsis_first; /* factors that "..." stands for; rank -1: not met yet */
    bool bound[SC_MAX_FACTORS];        /* the factor has its operands' name */
};

__attribute__((format(printf, 2, 3))) static enum sc_status fail(struct reader *r, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return sc_fail(r->err, SC_INPUT, "rule \"%.200s\": %s", r->text, message);
}

/* ---- reading -------------------------------------------------------------------------------------- */

static void skip_spaces(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n')
        r->at++;
}

static bool take(struct reader *r, const char *token)
{
    skip_spaces(r);
    size_t length = strlen(token);
    if (strncmp(r->at, token, length) != 0)
        return false;
    r->at += length;
    return true;
}

static bool name_begins(char c)
{
    return isalpha((unsigned char)c);
}
static bool name_goes_on(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A name at the cursor: one letter in the compact form, a word otherwise. */
static enum sc_status read_name(struct reader *r, char name[SC_NAME_SIZE])
{
    skip_spaces(r);
    if (!name_begins(*r->at))
        return fail(r, "at character %d: expected a factor's name, found \"%.8s\"", (int)(r->at - r->text) + 1, r->at);
    size_t length = 1;
    if (!r->letters)
        while (name_goes_on(r->at[length]))
            length++;
    if (length >= SC_NAME_SIZE)
        return fail(r, "the factor's name \"%.*s\" is longer than %d letters", (int)(length < 40 ? length : 40), r->at,
                    SC_NAME_SIZE - 1);
    memcpy(name, r->at, length);
    name[length] = '\0';
    r->at += length;
    return SC_OK;
}

static int find_factor(const struct reader *r, const char *name)
{
    for (int i = 0; i < r->factor_count; i++)
        if (strcmp(r->factor[i].name, name) == 0)
            return i;
    return -1;
}

static int add_factor(struct reader *r, const char *name)
{
    if (r->factor_count == SC_MAX_FACTORS)
        return -1;
    struct sc_factor *factor = &r->factor[r->factor_count];
    memset(factor, 0, sizeof *factor);
    memcpy(factor->name, name, strlen(name) + 1);
    return r->factor_count++;
}

static enum sc_status read_factor(struct reader *r, struct sc_dim *dim)
{
    char name[SC_NAME_SIZE];
    enum sc_status status = read_name(r, name);
    if (status != SC_OK)
        return status;
    int index = find_factor(r, name);
    if (index < 0)
        index = add_factor(r, name);
    if (index < 0)
        return fail(r, "more than %d factors", SC_MAX_FACTORS);
    for (int i = 0; i < dim->count; i++)
        if (dim->factor[i] == index)
            return fail(r, "the factor %s is twice in one dimension", name);
    if (dim->count == SC_MAX_PRODUCT)
        return fail(r, "a dimension of more than %d factors", SC_MAX_PRODUCT);
    dim->factor[dim->count++] = (uint8_t)index;
    return SC_OK;
}

static enum sc_status read_number(struct reader *r, int64_t *out)
{
    skip_spaces(r);
    int64_t value = 0;
    const char *start = r->at;
    for (; isdigit((unsigned char)*r->at); r->at++) {
        value = value * 10 + (*r->at - '0');
        if (value > 1000000)
            return fail(r, "at character %d: a number larger than 1000000", (int)(start - r->text) + 1);
    }
    if (r->at == start)
        return fail(r, "at character %d: expected a number, found \"%.8s\"", (int)(start - r->text) + 1, start);
    *out = value;
    return SC_OK;
}

static enum sc_status read_dim(struct reader *r, struct sc_dim *dim)
{
    enum sc_status status = SC_OK;
    *dim = (struct sc_dim){.scale = 1};
    if (take(r, "_"))
        return SC_OK;
    if (take(r, "(")) {
        while (status == SC_OK && !take(r, ")"))
            status = read_factor(r, dim);
        if (status == SC_OK && dim->count == 0)
            return fail(r, "an empty product; a dimension without factors is \"_\"");
    } else {
        status = read_factor(r, dim);
    }
    if (status == SC_OK && *r->at == '*') {
        r->at++;
        status = read_number(r, &dim->scale);
        if (status == SC_OK && dim->scale == 0)
            return fail(r, "a scale of 0; the least is 1");
    }
    return status;
}

static bool group_ends(struct reader *r)
{
    skip_spaces(r);
    return *r->at == '\0' || *r->at == ',' || *r->at == '|' || strncmp(r->at, "->", 2) == 0;
}

static enum sc_status read_group(struct reader *r, struct group *group)
{
    *group = (struct group){.ellipsis = -1};
    if (take(r, "()")) /* a scalar */
        return group_ends(r) ? SC_OK : fail(r, "\"()\" is a scalar and stands alone");
    while (!group_ends(r)) {
        if (take(r, "...")) {
            if (group->ellipsis >= 0)
                return fail(r, "\"...\" twice in one group");
            group->ellipsis = group->rank;
            continue;
        }
        if (group->rank == SC_MAX_RANK)
            return fail(r, "more than %d dimensions", SC_MAX_RANK);
        struct sc_dim *dim = &group->dim[group->rank++];
        enum sc_status status = read_dim(r, dim);
        if (status != SC_OK)
            return status;
        for (int d = 0; d + 1 < group->rank; d++)
            for (int i = 0; i < group->dim[d].count; i++)
                for (int j = 0; j < dim->count; j++)
                    if (group->dim[d].factor[i] == dim->factor[j])
                        return fail(r, "the factor %s walks two dimensions of one tensor",
                                    r->factor[dim->factor[j]].name);
    }
    return SC_OK;
}

/* Groups up to "->" or the end. `expected` tells an empty text apart: none, or one scalar. */
static enum sc_status read_groups(struct reader *r, int first, int expected, int *count)
{
    *count = 0;
    if (group_ends(r) && *r->at != ',' && expected == 0)
        return SC_OK;
    do {
        if (*count == SC_MAX_PORTS)
            return fail(r, "more than %d operands or results", SC_MAX_PORTS);
        enum sc_status status = read_group(r, &r->group[first + (*count)++]);
        if (status != SC_OK)
            return status;
    } while (take(r, ","));
    return SC_OK;
}

static enum sc_status read_clause(struct reader *r)
{
    static const struct {
        const char *word;
        enum sc_factor_kind kind;
    } words[] = {{"replicate", SC_REPLICATE}, {"stat", SC_STAT}, {"halo", SC_HALO}, {"ring", SC_RING}};
    size_t w = 0;
    while (w < SC_LEN(words) && !take(r, words[w].word))
        w++;
    if (w == SC_LEN(words))
        return fail(r, "at character %d: expected replicate, stat, halo or ring, found \"%.12s\"",
                    (int)(r->at - r->text) + 1, r->at);
    char name[SC_NAME_SIZE], partner[SC_NAME_SIZE];
    enum sc_status status = read_name(r, name);
    if (status != SC_OK)
        return status;
    int index = find_factor(r, name);
    if (index < 0)
        return fail(r, "\"%s %s\": no dimension walks the factor %s", words[w].word, name, name);
    struct sc_factor *factor = &r->factor[index];
    factor->kind = words[w].kind;
    int64_t number = 0;
    if (factor->kind == SC_STAT || factor->kind == SC_HALO)
        status = read_number(r, &number);
    else if (factor->kind == SC_RING)
        status = read_name(r, partner);
    if (status != SC_OK)
        return status;
    if (factor->kind == SC_STAT) {
        if (number == 0)
            return fail(r, "\"stat %s 0\": the least is 1", name);
        factor->stats = (int)number;
    } else if (factor->kind == SC_HALO) {
        factor->halo = (int)number;
        if (number == 0)
            factor->kind = SC_PASS;
    } else if (factor->kind == SC_RING) {
        factor->partner = find_factor(r, partner);
        if (factor->partner < 0 || factor->partner == index)
            return fail(r, "\"ring %s %s\": the partner has to be another factor", name, partner);
    }
    return SC_OK;
}

/* Does a word end here, within its group? */
static bool word_ends(const char *at)
{
    at += strspn(at, " ");
    return *at && *at != ',' && *at != '|' && strncmp(at, "->", 2) != 0;
}

/* A group written without spaces can be one name or as many as it has letters. It is letters when no group of the
 * rule has a space, a product or a numbered name inside and every operand's letters are as many as its dimensions. */
static bool is_compact(const struct reader *r)
{
    const char *at = r->text;
    for (int operand = 0;; operand++) {
        at += strspn(at, " ");
        int letters = 0;
        bool dots = false;
        for (; *at && *at != ',' && *at != '|' && strncmp(at, "->", 2) != 0; at++) {
            if (*at == '(' || (*at == ' ' && word_ends(at)) || (name_begins(*at) && isdigit((unsigned char)at[1])))
                return false;
            letters += name_begins(*at) || *at == '_';
            dots |= *at == '.';
        }
        if (operand < r->binding->operand_count && letters != r->binding->operands[operand].rank && !dots)
            return false;
        if (*at == '\0' || *at == '|')
            return true;
        at += *at == ',' ? 1 : 2;
    }
}

static enum sc_status read_text(struct reader *r)
{
    r->at = r->text;
    r->letters = is_compact(r);
    enum sc_status status = read_groups(r, 0, r->binding->operand_count, &r->operand_count);
    if (status != SC_OK)
        return status;
    if (!take(r, "->"))
        return fail(r, "at character %d: expected \"->\" between operands and results", (int)(r->at - r->text) + 1);
    status = read_groups(r, SC_MAX_PORTS, 1, &r->result_count);
    if (status != SC_OK)
        return status;
    r->letters = false;
    for (int i = 0; i < r->factor_count; i++) /* kinds by default; clauses say otherwise */
        r->factor[i].kind = SC_REDUCE;
    for (int g = SC_MAX_PORTS; g < SC_MAX_PORTS + r->result_count; g++)
        for (int d = 0; d < r->group[g].rank; d++)
            for (int i = 0; i < r->group[g].dim[d].count; i++)
                r->factor[r->group[g].dim[d].factor[i]].kind = SC_PASS;
    if (take(r, "|"))
        do
            status = read_clause(r);
        while (status == SC_OK && take(r, ","));
    if (status != SC_OK)
        return status;
    skip_spaces(r);
    if (*r->at)
        return fail(r, "at character %d: \"%.12s\" is not expected here", (int)(r->at - r->text) + 1, r->at);
    if (r->operand_count != r->binding->operand_count)
        return fail(r, "it has %d operands; the op has %d", r->operand_count, r->binding->operand_count);
    return SC_OK;
}

/* ---- ranks ---------------------------------------------------------------------------------------- */

static enum sc_status open_group(struct reader *r, struct group *group)
{
    if (group->ellipsis < 0)
        return SC_OK;
    int count = r->ellipsis_rank, at = group->ellipsis;
    if (group->rank + count > SC_MAX_RANK)
        return fail(r, "more than %d dimensions", SC_MAX_RANK);
    memmove(&group->dim[at + count], &group->dim[at], (size_t)(group->rank - at) * sizeof group->dim[0]);
    for (int i = 0; i < count; i++)
        group->dim[at + i] = (struct sc_dim){1, {(uint8_t)(r->ellipsis_first + i)}, 1};
    group->rank += count;
    return SC_OK;
}

/* Make the factors that "..." stands for. The first operand that has one says how many. */
static enum sc_status measure_ellipsis(struct reader *r)
{
    r->ellipsis_rank = 0;
    r->ellipsis_first = r->factor_count;
    for (int k = 0; k < r->operand_count; k++) {
        if (r->group[k].ellipsis < 0)
            continue;
        int count = r->binding->operands[k].rank - r->group[k].rank;
        if (count < 0)
            return fail(r, "operand %d has %d dimensions; the rule wants at least %d", k + 1,
                        r->binding->operands[k].rank, r->group[k].rank);
        for (int i = 0; i < count; i++) {
            char name[SC_NAME_SIZE] = "";
            for (unsigned number = (unsigned)i; !*name || find_factor(r, name) >= 0; number++)
                snprintf(name, sizeof name, "d%u", number % 100);
            int index = add_factor(r, name);
            if (index < 0)
                return fail(r, "more than %d factors", SC_MAX_FACTORS);
            r->factor[index].kind = SC_REDUCE;
            for (int g = SC_MAX_PORTS; g < SC_MAX_PORTS + r->result_count; g++)
                if (r->group[g].ellipsis >= 0)
                    r->factor[index].kind = SC_PASS;
        }
        r->ellipsis_rank = count;
        break;
    }
    return SC_OK;
}

static enum sc_status expand_ellipsis(struct reader *r)
{
    enum sc_status status = measure_ellipsis(r);
    for (int k = 0; k < r->operand_count && status == SC_OK; k++) {
        status = open_group(r, &r->group[k]);
        if (status == SC_OK && r->group[k].rank != r->binding->operands[k].rank)
            return fail(r, "operand %d has %d dimensions; the rule wants %d", k + 1, r->binding->operands[k].rank,
                        r->group[k].rank);
    }
    for (int k = 0; k < r->result_count && status == SC_OK; k++)
        status = open_group(r, &r->group[SC_MAX_PORTS + k]);
    return status;
}

/* ---- names ---------------------------------------------------------------------------------------- */

/* Let a factor take the name that its dimension has in the model; a factor that had the name takes the other one. */
static void rename_factor(struct reader *r, int index, const char *name)
{
    struct sc_factor *factor = &r->factor[index];
    if (!*name || r->bound[index])
        return;
    int other = find_factor(r, name);
    if (other >= 0 && other != index) {
        if (r->bound[other])
            return;
        memcpy(r->factor[other].name, factor->name, SC_NAME_SIZE);
    }
    memcpy(factor->name, name, SC_NAME_SIZE);
    r->bound[index] = true;
}

static void inherit_names(struct reader *r)
{
    for (int k = 0; k < r->operand_count; k++)
        for (int d = 0; d < r->group[k].rank; d++) {
            const struct sc_dim *dim = &r->group[k].dim[d];
            bool ellipsis = dim->count == 1 && dim->factor[0] >= r->ellipsis_first &&
                            dim->factor[0] < r->ellipsis_first + r->ellipsis_rank;
            if (dim->count == 1 && (r->binding->inherit || ellipsis))
                rename_factor(r, dim->factor[0], r->binding->operands[k].names[d]);
        }
}

/* ---- sizes ---------------------------------------------------------------------------------------- */

/* Product of the dimension's known factors and scale into *known; the number of unknown ones is returned, the last of
 * them in *missing. -1: overflow. */
static int dim_product(const struct reader *r, const struct sc_dim *dim, int64_t *known, int *missing)
{
    int unknown = 0;
    *known = dim->scale;
    for (int i = 0; i < dim->count; i++) {
        int64_t size = r->factor[dim->factor[i]].size;
        if (size == 0) {
            unknown++;
            *missing = dim->factor[i];
        } else if (__builtin_mul_overflow(*known, size, known)) {
            return -1;
        }
    }
    return unknown;
}

static void describe_dim(const struct reader *r, const struct sc_dim *dim, char *out, size_t size)
{
    struct sc_str text = {0};
    sc_str_add(&text, dim->count == 0 ? "_" : dim->count > 1 ? "(" : "");
    for (int i = 0; i < dim->count; i++)
        sc_str_addf(&text, "%s%s", i ? " " : "", r->factor[dim->factor[i]].name);
    sc_str_add(&text, dim->count > 1 ? ")" : "");
    if (dim->scale != 1)
        sc_str_addf(&text, "*%lld", (long long)dim->scale);
    snprintf(out, size, "%s", sc_str_text(&text));
    sc_str_free(&text);
}

static enum sc_status take_given_sizes(struct reader *r)
{
    for (int i = 0; i < r->binding->size_count; i++) {
        const struct sc_size *size = &r->binding->sizes[i];
        int index = find_factor(r, size->name);
        if (index < 0) {
            const char *names[SC_MAX_FACTORS];
            for (int f = 0; f < r->factor_count; f++)
                names[f] = r->factor[f].name;
            const char *near = sc_nearest(size->name, names, (size_t)r->factor_count);
            return fail(r, "a size is given for %s, which it does not have%s%s", size->name,
                        near ? "; did you mean " : "", near ? near : "");
        }
        if (size->value < 1)
            return fail(r, "the size of %s is %lld; the least is 1", size->name, (long long)size->value);
        r->factor[index].size = size->value;
    }
    return SC_OK;
}

/* Which operand gave a factor its size, for messages. */
static int first_operand_with(const struct reader *r, const struct sc_dim *dim, int before)
{
    for (int k = 0; k < before; k++)
        for (int d = 0; d < r->group[k].rank; d++)
            for (int i = 0; i < r->group[k].dim[d].count; i++)
                for (int j = 0; j < dim->count; j++)
                    if (r->group[k].dim[d].factor[i] == dim->factor[j])
                        return k + 1;
    return 0;
}

static enum sc_status check_dim(struct reader *r, int k, int d)
{
    const struct sc_dim *dim = &r->group[k].dim[d];
    int64_t known, want = r->binding->operands[k].size[d];
    int missing = 0;
    char name[64];
    if (dim->count == 0)
        return SC_OK;
    describe_dim(r, dim, name, sizeof name);
    if (dim_product(r, dim, &known, &missing) != 0)
        return fail(r, "the size of the factor %s does not follow from the operands; give it under \"sizes\"",
                    r->factor[missing].name);
    if (known == want)
        return SC_OK;
    int other = first_operand_with(r, dim, k);
    if (other)
        return fail(r, "%s is %lld in operand %d and %lld in operand %d", name, (long long)known, other,
                    (long long)want, k + 1);
    return fail(r, "%s makes %lld; dimension %d of operand %d is %lld", name, (long long)known, d + 1, k + 1,
                (long long)want);
}

static enum sc_status solve_sizes(struct reader *r)
{
    enum sc_status status = take_given_sizes(r);
    bool progress = true;
    while (progress && status == SC_OK) {
        progress = false;
        for (int k = 0; k < r->operand_count; k++)
            for (int d = 0; d < r->group[k].rank; d++) {
                const struct sc_dim *dim = &r->group[k].dim[d];
                int64_t known, want = r->binding->operands[k].size[d];
                int missing = 0;
                if (dim_product(r, dim, &known, &missing) != 1)
                    continue;
                if (want % known != 0)
                    return fail(r, "dimension %d of operand %d is %lld, not a multiple of %lld", d + 1, k + 1,
                                (long long)want, (long long)known);
                r->factor[missing].size = want / known;
                progress = true;
            }
    }
    for (int k = 0; k < r->operand_count && status == SC_OK; k++)
        for (int d = 0; d < r->group[k].rank && status == SC_OK; d++)
            status = check_dim(r, k, d);
    for (int i = 0; i < r->factor_count && status == SC_OK; i++)
        if (r->factor[i].size == 0)
            return fail(r, "the size of the factor %s does not follow from the operands; give it under \"sizes\"",
                        r->factor[i].name);
    return status;
}

/* ---- the answer ----------------------------------------------------------------------------------- */

static enum sc_status fill_results(struct reader *r)
{
    struct sc_binding *b = r->binding;
    for (int k = 0; k < r->result_count; k++) {
        const struct group *group = &r->group[SC_MAX_PORTS + k];
        struct sc_shape *shape = &b->results[k];
        if (b->shaped && shape->rank != group->rank)
            return fail(r, "result %d has %d dimensions; the rule makes %d", k + 1, shape->rank, group->rank);
        shape->rank = group->rank;
        for (int d = 0; d < group->rank; d++) {
            int64_t product = 1;
            int missing;
            const struct sc_dim *dim = &group->dim[d];
            if (dim_product(r, dim, &product, &missing) < 0)
                return fail(r, "the size of result %d overflows", k + 1);
            if (!b->shaped)
                shape->size[d] = product;
            else if (dim->count > 0 && shape->size[d] != product)
                return fail(r, "dimension %d of result %d is %lld; the rule makes %lld", d + 1, k + 1,
                            (long long)shape->size[d], (long long)product);
            if (!b->named)
                memcpy(shape->names[d], dim->count ? r->factor[dim->factor[0]].name : "",
                       dim->count ? SC_NAME_SIZE : 1);
        }
    }
    return SC_OK;
}

static void copy_walk(struct sc_walk *walk, const struct group *group)
{
    walk->rank = group->rank;
    memcpy(walk->dim, group->dim, (size_t)group->rank * sizeof walk->dim[0]);
}

static void write_group(const struct reader *r, const struct group *group, struct sc_str *out)
{
    char name[64];
    if (group->rank == 0)
        sc_str_add(out, "()");
    for (int d = 0; d < group->rank; d++) {
        describe_dim(r, &group->dim[d], name, sizeof name);
        sc_str_addf(out, "%s%s", d ? " " : "", name);
    }
}

static char *canonical_text(const struct reader *r)
{
    struct sc_str out = {0};
    for (int k = 0; k < r->operand_count; k++) {
        sc_str_add(&out, k ? ", " : "");
        write_group(r, &r->group[k], &out);
    }
    sc_str_add(&out, r->operand_count ? " -> " : "-> ");
    for (int k = 0; k < r->result_count; k++) {
        sc_str_add(&out, k ? ", " : "");
        write_group(r, &r->group[SC_MAX_PORTS + k], &out);
    }
    const char *separator = " | ";
    for (int i = 0; i < r->factor_count; i++) {
        const struct sc_factor *f = &r->factor[i];
        if (f->kind == SC_PASS || f->kind == SC_REDUCE)
            continue;
        sc_str_addf(&out, "%s%s %s", separator, sc_factor_kind_name(f->kind), f->name);
        if (f->kind == SC_STAT || f->kind == SC_HALO)
            sc_str_addf(&out, " %d", f->kind == SC_STAT ? f->stats : f->halo);
        else if (f->kind == SC_RING)
            sc_str_addf(&out, " %s", r->factor[f->partner].name);
        separator = ", ";
    }
    char *text = out.failed ? NULL : sc_arena_strdup(r->arena, sc_str_text(&out));
    sc_str_free(&out);
    return text;
}

enum sc_status sc_rule_bind(struct sc_arena *arena, struct sc_binding *binding, struct sc_error *err)
{
    struct reader r = {.text = binding->text, .arena = arena, .binding = binding, .err = err};
    enum sc_status status = read_text(&r);
    if (status == SC_OK)
        status = expand_ellipsis(&r);
    if (status == SC_OK)
        status = solve_sizes(&r);
    if (status != SC_OK)
        return status;
    inherit_names(&r);
    status = fill_results(&r);
    if (status != SC_OK)
        return status;
    struct sc_rule *rule = &binding->rule;
    memset(rule, 0, sizeof *rule);
    rule->text = canonical_text(&r);
    if (!rule->text)
        return sc_fail(err, SC_NO_MEMORY, "out of memory");
    rule->factor_count = r.factor_count;
    rule->operand_count = r.operand_count;
    rule->result_count = r.result_count;
    memcpy(rule->factor, r.factor, sizeof rule->factor);
    for (int k = 0; k < r.operand_count; k++)
        copy_walk(&rule->operand[k], &r.group[k]);
    for (int k = 0; k < r.result_count; k++)
        copy_walk(&rule->result[k], &r.group[SC_MAX_PORTS + k]);
    return SC_OK;
}
