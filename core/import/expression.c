/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Expressions over whole numbers, by recursive descent. A branch that is not taken ("a ? b : c") is read but not
 * evaluated, so that "i > 0 ? list[i - 1] : 3" is fine at i = 0.
 */
#include "model.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NESTING = 64 };

struct parser {
    const char *text, *at;
    const struct sc_variable *variables;
    size_t count;
    char why[256];
    int depth;
};

/* Each level reads into *out and is told whether its value matters (`live`). */
static bool read_choice(struct parser *p, bool live, int64_t *out);

__attribute__((format(printf, 2, 3))) static bool fail(struct parser *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(p->why, sizeof p->why, format, args);
    va_end(args);
    return false;
}

static void skip_spaces(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
        p->at++;
}

static bool take(struct parser *p, const char *token)
{
    skip_spaces(p);
    size_t length = strlen(token);
    if (strncmp(p->at, token, length) != 0)
        return false;
    p->at += length;
    return true;
}

static bool expected(struct parser *p, const char *what)
{
    skip_spaces(p);
    if (*p->at)
        return fail(p, "at character %d: expected %s, found \"%.12s\"", (int)(p->at - p->text) + 1, what, p->at);
    return fail(p, "it ends where %s is expected", what);
}

/* ---- arithmetic ------------------------------------------------------------------------------------ */

enum { ADD, SUB, MUL, DIV, MOD, FLOOR_DIV, CEIL_DIV, MIN, MAX, LT, LE, GT, GE, EQ, NE };

static bool divide(struct parser *p, int op, int64_t a, int64_t b, int64_t *out)
{
    if (b == 0)
        return fail(p, "division of %lld by zero", (long long)a);
    if (b == -1) /* INT64_MIN / -1 overflows */
        return op == MOD ? (*out = 0, true) : __builtin_sub_overflow(0, a, out) ? fail(p, "a number overflows") : true;
    int64_t quotient = a / b, rest = a % b;
    if (op == DIV && rest != 0)
        return fail(p, "%lld / %lld leaves %lld over; use floor_div or ceil_div where that is meant", (long long)a,
                    (long long)b, (long long)rest);
    bool below = rest != 0 && (rest < 0) != (b < 0);
    *out = op == MOD ? rest : quotient;
    if (op == FLOOR_DIV)
        *out = quotient - below;
    if (op == CEIL_DIV)
        *out = quotient + (rest != 0 && !below);
    return true;
}

static bool apply(struct parser *p, int op, int64_t a, int64_t b, int64_t *out)
{
    bool overflow = false;
    switch (op) {
    case ADD:
        overflow = __builtin_add_overflow(a, b, out);
        break;
    case SUB:
        overflow = __builtin_sub_overflow(a, b, out);
        break;
    case MUL:
        overflow = __builtin_mul_overflow(a, b, out);
        break;
    case MIN:
        *out = a < b ? a : b;
        break;
    case MAX:
        *out = a > b ? a : b;
        break;
    case LT:
        *out = a < b;
        break;
    case LE:
        *out = a <= b;
        break;
    case GT:
        *out = a > b;
        break;
    case GE:
        *out = a >= b;
        break;
    case EQ:
        *out = a == b;
        break;
    case NE:
        *out = a != b;
        break;
    default:
        return divide(p, op, a, b, out);
    }
    return overflow ? fail(p, "a number overflows") : true;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int op;
} functions[] = {{"min", MIN}, {"max", MAX}, {"ceil_div", CEIL_DIV}, {"floor_div", FLOOR_DIV}};

static bool unknown(struct parser *p, const char *name)
{
    const char *names[256];
    size_t count = 0;
    for (size_t i = p->count; i-- > 0 && count < SC_LEN(names);)
        names[count++] = p->variables[i].name;
    const char *near = sc_nearest(name, names, count);
    return near ? fail(p, "unknown name \"%s\"; did you mean \"%s\"?", name, near)
                : fail(p, "unknown name \"%s\"", name);
}

static bool read_call(struct parser *p, int op, bool live, int64_t *out)
{
    int64_t value;
    if (!take(p, "("))
        return expected(p, "\"(\"");
    if (!read_choice(p, live, out))
        return false;
    if (!take(p, ","))
        return expected(p, "\",\" and a second argument");
    do {
        if (!read_choice(p, live, &value))
            return false;
        if (live && !apply(p, op, *out, value, out))
            return false;
    } while ((op == MIN || op == MAX) && take(p, ","));
    return take(p, ")") ? true : expected(p, "\")\"");
}

static bool read_variable(struct parser *p, const struct sc_variable *v, bool live, int64_t *out)
{
    int64_t index;
    bool indexed = take(p, "[");
    if (indexed && !v->list)
        return fail(p, "\"%s\" is one number, not a list", v->name);
    if (!indexed && v->list)
        return fail(p, "\"%s\" is a list of %d; choose one, as in %s[0]", v->name, v->count, v->name);
    *out = v->value;
    if (!indexed)
        return true;
    if (!read_choice(p, live, &index))
        return false;
    if (!take(p, "]"))
        return expected(p, "\"]\"");
    if (live && (index < 0 || index >= v->count))
        return fail(p, "%s[%lld]: the list has %d, so from 0 to %d", v->name, (long long)index, v->count, v->count - 1);
    *out = live ? v->list[index] : 0;
    return true;
}

static bool read_name(struct parser *p, bool live, int64_t *out)
{
    char name[64];
    size_t length = 0;
    while (isalnum((unsigned char)p->at[length]) || p->at[length] == '_')
        length++;
    if (length >= sizeof name)
        return fail(p, "a name of more than %d letters", (int)sizeof name - 1);
    memcpy(name, p->at, length);
    name[length] = '\0';
    p->at += length;
    for (size_t i = p->count; i-- > 0;)
        if (strcmp(p->variables[i].name, name) == 0)
            return read_variable(p, &p->variables[i], live, out);
    for (size_t i = 0; i < SC_LEN(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return read_call(p, functions[i].op, live, out);
    return unknown(p, name);
}

/* ---- levels ---------------------------------------------------------------------------------------- */

static bool read_number(struct parser *p, int64_t *out)
{
    *out = 0;
    for (; isdigit((unsigned char)*p->at); p->at++)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, *p->at - '0', out))
            return fail(p, "a number overflows");
    if (*p->at == '.' || isalpha((unsigned char)*p->at))
        return fail(p, "at character %d: numbers are whole", (int)(p->at - p->text) + 1);
    return true;
}

static bool read_value(struct parser *p, bool live, int64_t *out)
{
    skip_spaces(p);
    if (p->depth >= MAX_NESTING)
        return fail(p, "nested deeper than %d", MAX_NESTING);
    p->depth++;
    bool good;
    if (take(p, "(")) {
        good = read_choice(p, live, out) && (take(p, ")") || expected(p, "\")\""));
    } else if (take(p, "-")) {
        good = read_value(p, live, out) && (!live || apply(p, SUB, 0, *out, out));
    } else if (*p->at == '!' && p->at[1] != '=') {
        p->at++;
        good = read_value(p, live, out);
        *out = !*out;
    } else if (isdigit((unsigned char)*p->at)) {
        good = read_number(p, out);
    } else if (isalpha((unsigned char)*p->at) || *p->at == '_') {
        good = read_name(p, live, out);
    } else {
        good = expected(p, "a number or a name");
    }
    p->depth--;
    return good;
}

/* Operators that bind equally, left to right; tighter levels first. */
static const struct {
    const char *token;
    int op;
} operators[][7] = {
    {{"*", MUL}, {"/", DIV}, {"%", MOD}},
    {{"+", ADD}, {"-", SUB}},
    {{"<=", LE}, {">=", GE}, {"==", EQ}, {"!=", NE}, {"<", LT}, {">", GT}},
};

static bool read_level(struct parser *p, int level, bool live, int64_t *out)
{
    if (!(level == 0 ? read_value(p, live, out) : read_level(p, level - 1, live, out)))
        return false;
    for (;;) {
        int i = 0;
        while (operators[level][i].token && !take(p, operators[level][i].token))
            i++;
        if (!operators[level][i].token)
            return true;
        int64_t right;
        if (!(level == 0 ? read_value(p, live, &right) : read_level(p, level - 1, live, &right)))
            return false;
        if (live && !apply(p, operators[level][i].op, *out, right, out))
            return false;
    }
}

static bool read_and(struct parser *p, bool live, int64_t *out)
{
    if (!read_level(p, 2, live, out))
        return false;
    while (take(p, "&&")) {
        int64_t right = 0;
        if (!read_level(p, 2, live && *out, &right))
            return false;
        *out = *out && right;
    }
    return true;
}

static bool read_or(struct parser *p, bool live, int64_t *out)
{
    if (!read_and(p, live, out))
        return false;
    while (take(p, "||")) {
        int64_t right = 0;
        if (!read_and(p, live && !*out, &right))
            return false;
        *out = *out || right;
    }
    return true;
}

static bool read_choice(struct parser *p, bool live, int64_t *out)
{
    *out = 0;
    if (p->depth >= MAX_NESTING)
        return fail(p, "nested deeper than %d", MAX_NESTING);
    p->depth++;
    bool good = read_or(p, live, out);
    if (good && take(p, "?")) {
        bool first = *out != 0;
        int64_t a = 0, b = 0;
        good = read_choice(p, live && first, &a) && (take(p, ":") || expected(p, "\":\"")) &&
               read_choice(p, live && !first, &b);
        *out = first ? a : b;
    }
    p->depth--;
    return good;
}

bool sc_expression_eval(const char *text, const struct sc_variable *variables, size_t count, int64_t *out, char *why,
                        size_t why_size)
{
    struct parser p = {.text = text, .at = text, .variables = variables, .count = count};
    bool good = read_choice(&p, true, out);
    skip_spaces(&p);
    if (good && *p.at)
        good = expected(&p, "an operator or the end");
    if (!good)
        snprintf(why, why_size, "%s", p.why);
    return good;
}
