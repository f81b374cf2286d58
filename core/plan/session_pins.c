/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changing a list of pins without knowing the ops: what one glob says about another. "Covers" is only said when it is
 * sure, "meets" whenever it is possible; being wrong on that side leaves a pin "free" that frees nothing.
 */
#include <string.h>

#include "plan/commands.h"

/* ---- globs as sequences ---- */

enum element_kind { LETTER, ANY, SET, RUN };

struct element {
    enum element_kind kind;
    const char *text; /* SET: from "[" to "]"; LETTER: the letter */
    size_t length;
};

struct glob {
    SC_VEC(struct element) at;
    bool has_run;
};

/* The first element of a glob; returns what is behind it. The same reading as that of sc_glob_match. */
static const char *read_element(const char *text, const char *end, struct element *out)
{
    *out = (struct element){*text == '*' ? RUN : *text == '?' ? ANY : LETTER, text, 1};
    if (*text == '[') {
        const char *close = text + 1;
        close += close < end && (*close == '!' || *close == '^');
        close += close < end; /* a "]" that comes first is a member */
        while (close < end && *close != ']')
            close++;
        if (close < end)
            *out = (struct element){SET, text, (size_t)(close - text) + 1};
    } else if (*text == '\\' && text + 1 < end) {
        out->text = text + 1;
        return text + 2;
    }
    return text + out->length;
}

static bool glob_read(const char *text, size_t length, struct glob *out)
{
    *out = (struct glob){0};
    for (const char *end = text + length; text < end;) {
        struct element element;
        text = read_element(text, end, &element);
        out->has_run |= element.kind == RUN;
        if (!sc_vec_push(&out->at, element)) {
            sc_vec_free(&out->at);
            return false;
        }
    }
    return true;
}

static bool same(const struct element *a, const struct element *b)
{
    return a->kind == b->kind && a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* Does every letter of `have` suit `want`? */
static bool surely(const struct element *want, const struct element *have)
{
    return have->kind != RUN && (want->kind == ANY || same(want, have));
}

/* Can a letter suit both? */
static bool possibly(const struct element *want, const struct element *have)
{
    return want->kind != RUN && have->kind != RUN && (want->kind != LETTER || have->kind != LETTER || same(want, have));
}

/* Glob matching of a sequence of elements, each of which has to suit. A run in `want` takes any of them. */
static bool matches(const struct glob *want, const struct glob *have,
                    bool (*suits)(const struct element *want, const struct element *have))
{
    size_t w = 0, h = 0, star = SIZE_MAX, retry = 0;
    while (h < have->at.count) {
        if (w < want->at.count && want->at.data[w].kind == RUN) {
            star = ++w;
            retry = h;
        } else if (w < want->at.count && suits(&want->at.data[w], &have->at.data[h])) {
            w++;
            h++;
        } else if (star != SIZE_MAX) {
            w = star;
            h = ++retry;
        } else {
            return false;
        }
    }
    while (w < want->at.count && want->at.data[w].kind == RUN)
        w++;
    return w == want->at.count;
}

/* Every text that `b` matches is matched by `a`. */
static bool covers(const struct glob *a, const struct glob *b)
{
    return matches(a, b, surely);
}

/* Some text may be matched by both. With runs in both, only what stands before and behind all runs can speak against.
 */
static bool meets(const struct glob *a, const struct glob *b)
{
    if (!b->has_run)
        return matches(a, b, possibly);
    if (!a->has_run)
        return matches(b, a, possibly);
    const struct element *x = a->at.data, *y = b->at.data;
    for (; x->kind != RUN && y->kind != RUN; x++, y++)
        if (!possibly(x, y))
            return false;
    x = a->at.data + a->at.count - 1;
    y = b->at.data + b->at.count - 1;
    for (; x->kind != RUN && y->kind != RUN; x--, y--)
        if (!possibly(x, y))
            return false;
    return true;
}

/* ---- the list ---- */

static const char *strategy_of(const char *pin)
{
    size_t length;
    const char *strategy = "";
    plan_pin_split(pin, &length, &strategy);
    return strategy;
}

static size_t glob_length(const char *pin)
{
    size_t length = 0;
    const char *strategy;
    plan_pin_split(pin, &length, &strategy);
    return length;
}

static bool is_free(const char *pin)
{
    return strcmp(strategy_of(pin), "free") == 0;
}

static void remove_pin(struct sc_texts *pins, int index)
{
    sc_free(pins->at[index]);
    pins->count--;
    memmove(&pins->at[index], &pins->at[index + 1], (size_t)(pins->count - index) * sizeof *pins->at);
}

/* Of pins[0 … end), is there one that forces a strategy on ops that `glob` may match? */
static bool is_pinned(const struct sc_texts *pins, int end, const struct glob *glob, bool *failed)
{
    bool found = false;
    for (int i = 0; i < end && !found && !*failed; i++) {
        struct glob other;
        if (is_free(pins->at[i]))
            continue;
        *failed = !glob_read(pins->at[i], glob_length(pins->at[i]), &other);
        found = !*failed && meets(glob, &other);
        sc_vec_free(&other.at);
    }
    return found;
}

/* Drop each "free" that has nothing left to free. */
static bool drop_idle(struct sc_texts *pins)
{
    bool failed = false;
    for (int i = 0; i < pins->count && !failed; i++) {
        struct glob glob;
        if (!is_free(pins->at[i]))
            continue;
        if (!glob_read(pins->at[i], glob_length(pins->at[i]), &glob))
            return false;
        if (!is_pinned(pins, i, &glob, &failed) && !failed)
            remove_pin(pins, i--);
        sc_vec_free(&glob.at);
    }
    return !failed;
}

static enum sc_status add(struct sc_settings *settings, const char *glob, const char *strategy, struct sc_error *err)
{
    struct sc_str text = {0};
    sc_str_addf(&text, "%s=%s", glob, strategy);
    enum sc_status status = text.failed ? sc_fail(err, SC_NO_MEMORY, "no memory for a pin")
                                        : sc_settings_set(settings, "pin", sc_str_text(&text), err);
    sc_str_free(&text);
    return status;
}

enum sc_status plan_pins_put(struct sc_settings *settings, const char *glob, const char *strategy, struct sc_error *err)
{
    struct sc_texts *pins = &settings->pins;
    size_t length = strlen(glob);
    bool idle = strcmp(strategy, "free") == 0; /* may some "free" have become so? */
    for (int i = pins->count - 1; i >= 0; i--)
        if (strncmp(pins->at[i], glob, length) == 0 && glob_length(pins->at[i]) == length) {
            remove_pin(pins, i);
            idle = true;
        }
    enum sc_status status = add(settings, glob, strategy, err);
    if (status == SC_OK && idle && !drop_idle(pins))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a pin");
    return status;
}

enum sc_status plan_pins_release(struct sc_settings *settings, const char *glob, struct sc_error *err)
{
    struct sc_texts *pins = &settings->pins;
    struct glob mine, other;
    bool failed = !glob_read(glob, strlen(glob), &mine), found = false;
    enum sc_status status = SC_OK;
    for (int i = 0; i < pins->count && !failed; i++) {
        failed = !glob_read(pins->at[i], glob_length(pins->at[i]), &other);
        if (!failed && covers(&mine, &other)) {
            found |= !is_free(pins->at[i]);
            remove_pin(pins, i--);
        }
        sc_vec_free(&other.at);
    }
    bool wider = !failed && is_pinned(pins, pins->count, &mine, &failed);
    sc_vec_free(&mine.at);
    if (wider && !failed)
        status = add(settings, glob, "free", err);
    if (failed || (status == SC_OK && !drop_idle(pins)))
        return sc_fail(err, SC_NO_MEMORY, "no memory to take a pin back");
    if (status == SC_OK && !found && !wider)
        status = sc_fail(err, SC_NOT_FOUND, "no pin can match '%s'", glob);
    return status;
}
