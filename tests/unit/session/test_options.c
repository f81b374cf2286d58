/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Settings as values, and the option table: what each option accepts, what it says about the rest, and that the text a
 * getter writes is read back to the same value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "support/faults.h"

/* ---- helpers ---- */

static void must_set(struct sc_settings *s, const char *name, const char *value)
{
    struct sc_error err = {0};
    if (sc_settings_set(s, name, value, &err) != SC_OK)
        fail_msg("--%s %s: %s", name, value ? value : "", err.message);
}

static void assert_text(const struct sc_settings *s, const char *name, const char *expected)
{
    struct sc_str text = {0};
    sc_option_find(name)->get(s, &text);
    if (strcmp(sc_str_text(&text), expected) != 0)
        fail_msg("%s is '%s', expected '%s'", name, sc_str_text(&text), expected);
    sc_str_free(&text);
}

/* The settings that the getters' texts make. */
static void reread(const struct sc_settings *from, struct sc_settings *to)
{
    const struct sc_option *option;
    sc_settings_init(to);
    assert_true(sc_settings_set_model(to, from->model));
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        struct sc_str text = {0};
        option->get(from, &text);
        char *line = text.length ? text.data : NULL;
        while (line) {
            char *end = option->repeats ? strchr(line, '\n') : NULL;
            if (end)
                *end = '\0';
            must_set(to, option->name, line);
            line = end ? end + 1 : NULL;
        }
        sc_str_free(&text);
    }
}

static void assert_equal(const struct sc_settings *a, const struct sc_settings *b)
{
    const struct sc_option *option;
    assert_true(sc_settings_hash(a) == sc_settings_hash(b));
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        struct sc_str x = {0}, y = {0};
        option->get(a, &x);
        option->get(b, &y);
        assert_string_equal(sc_str_text(&x), sc_str_text(&y));
        sc_str_free(&x);
        sc_str_free(&y);
    }
}

/* ---- random values: a maker for each option, so that a new option has to be added here ---- */

static void any_int(uint64_t *seed, int64_t max, char *out)
{
    uint64_t bits = sc_random_below(seed, 31);
    int64_t value = 1 + (int64_t)sc_random_below(seed, (uint64_t)1 << bits);
    sprintf(out, "%lld", (long long)(value > max ? max : value));
}

static void any_number(uint64_t *seed, double min, double max, char *out)
{
    double value = min * pow(max / min, sc_random_unit(seed));
    sprintf(out, "%.17g", fmin(fmax(value, min), max));
}

static void any_word(uint64_t *seed, const char *letters, size_t most, char *out)
{
    size_t length = 1 + sc_random_below(seed, most);
    for (size_t i = 0; i < length; i++)
        out[i] = letters[sc_random_below(seed, strlen(letters))];
    out[length] = '\0';
}

static void make_devices(uint64_t *seed, char *out)
{
    any_int(seed, 1 << 20, out);
}
static void make_size(uint64_t *seed, char *out)
{
    any_int(seed, 1 << 30, out);
}
static void make_axes(uint64_t *seed, char *out)
{
    sprintf(out, "%d", 1 + (int)sc_random_below(seed, 3));
}
static void make_memory(uint64_t *seed, char *out)
{
    any_number(seed, 1e-6, 1e6, out);
}
static void make_seconds(uint64_t *seed, char *out)
{
    any_number(seed, 1e-3, 1e7, out);
}
static void make_file(uint64_t *seed, char *out)
{
    any_word(seed, "abc/.-_ ;\"'=:", 20, out);
}

static void make_gap(uint64_t *seed, char *out)
{
    sprintf(out, "%.17g", sc_random_below(seed, 4) ? sc_random_unit(seed) : (double)sc_random_below(seed, 2));
}

static void make_mesh(uint64_t *seed, char *out)
{
    int axes = 1 + (int)sc_random_below(seed, 3);
    *out = '\0';
    for (int a = 0; a < axes; a++)
        sprintf(out + strlen(out), "%s%d", a ? "x" : "", 1 + (int)sc_random_below(seed, 16));
}

static void make_set(uint64_t *seed, char *out)
{
    *out = "abcXYZ_"[sc_random_below(seed, 7)];
    any_word(seed, "ab_9", 3, out + 1);
    sprintf(out + strlen(out), "=%s", sc_random_below(seed, 2) ? "-" : "");
    any_int(seed, 1 << 30, out + strlen(out));
}

static void make_pin(uint64_t *seed, char *out)
{
    any_word(seed, "ab.*?[]0-1=\\", 12, out);
    strcat(out, "=");
    any_word(seed, "b@xf@yrs():+,", 8, out + strlen(out));
}

static void make_stages(uint64_t *seed, char *out)
{
    int least = 1 + (int)sc_random_below(seed, 4096), more = (int)sc_random_below(seed, 10);
    switch (sc_random_below(seed, 3)) {
    case 0:
        strcpy(out, "auto");
        break;
    case 1:
        sprintf(out, "%d", least);
        break;
    default:
        sprintf(out, "%d-%d", least, least + more < 4096 ? least + more : 4096);
    }
}

static void make_layers(uint64_t *seed, char *out)
{
    strcpy(out, "all");
    if (sc_random_below(seed, 3))
        any_int(seed, 100000, out);
}

static void make_layer(uint64_t *seed, char *out)
{
    any_word(seed, "layer.0123", 12, out);
}

static void make_stage_mesh(uint64_t *seed, char *out)
{
    int hosts = 1 + (int)sc_random_below(seed, 4), devices = 1 + (int)sc_random_below(seed, 8);
    sprintf(out, "%d=%dx%d", (int)sc_random_below(seed, 20), hosts, devices);
    if (sc_random_below(seed, 2))
        sprintf(out + strlen(out), ":%dx%d", devices, hosts);
}

static void make_submeshes(uint64_t *seed, char *out)
{
    static const char *const values[] = {"all", "powers", "1x2", "1x1,1x4,2x8", "16x8"};
    strcpy(out, values[sc_random_below(seed, SC_LEN(values))]);
}

static void make_chunks(uint64_t *seed, char *out)
{
    sprintf(out, "%d", 2 + (int)sc_random_below(seed, 9));
}

static void make_method(uint64_t *seed, char *out)
{
    static const char *const values[] = {"data", "zero-2", "megatron:2x3x4", "inter-op"};
    strcpy(out, values[sc_random_below(seed, SC_LEN(values))]);
}

static void make_choice(const struct sc_option *option, uint64_t *seed, char *out)
{
    int words = 1;
    const char *word = option->choices;
    for (const char *c = word; *c; c++)
        words += *c == '|';
    for (uint64_t skip = sc_random_below(seed, (uint64_t)words); skip > 0; skip--)
        word = strchr(word, '|') + 1;
    sprintf(out, "%.*s", (int)strcspn(word, "|"), word);
}

static const struct {
    const char *name;
    void (*make)(uint64_t *seed, char *out);
} makers[] = {
    {"cluster", make_file},
    {"devices", make_devices},
    {"mesh", make_mesh},
    {"max-axes", make_axes},
    {"batch", make_size},
    {"seq", make_size},
    {"microbatches", make_devices},
    {"set", make_set},
    {"stages", make_stages},
    {"layers", make_layers},
    {"cut", make_layer},
    {"no-cut", make_layer},
    {"stage-mesh", make_stage_mesh},
    {"submeshes", make_submeshes},
    {"chunks", make_chunks},
    {"method", make_method},
    {"memory", make_memory},
    {"time-limit", make_seconds},
    {"gap", make_gap},
    {"pin", make_pin},
    {"plan", make_file},
    {"out", make_file},
};

static void make_value(const struct sc_option *option, uint64_t *seed, char *out)
{
    for (size_t i = 0; i < SC_LEN(makers); i++)
        if (strcmp(makers[i].name, option->name) == 0) {
            makers[i].make(seed, out);
            return;
        }
    if (!option->choices)
        fail_msg("there is no maker of values for --%s", option->name);
    make_choice(option, seed, out);
}

static void random_values_survive(void **state)
{
    (void)state;
    size_t count = 0;
    while (sc_option_at(count))
        count++;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t random = seed;
        struct sc_settings first, second, copy;
        char value[256];
        sc_settings_init(&first);
        for (int i = 0; i < 12; i++) {
            const struct sc_option *option = sc_option_at(sc_random_below(&random, count));
            make_value(option, &random, value);
            if (option->set == sc_option_find("pin")->set || option->set == sc_option_find("cluster")->set) {
                struct sc_error err = {0}; /* random text: some of it is refused */
                if (sc_settings_set(&first, option->name, value, &err) != SC_OK)
                    assert_true(strlen(err.message) > 0);
            } else {
                must_set(&first, option->name, value);
            }
        }
        reread(&first, &second);
        assert_equal(&first, &second);
        assert_true(sc_settings_copy(&copy, &first));
        sc_settings_free(&first);
        assert_equal(&copy, &second);
        sc_settings_free(&second);
        sc_settings_free(&copy);
    }
}

/* Every option changes what it names and nothing else; those that are saved change the hash, the others do not. */
static void each_option_is_in_the_hash(void **state)
{
    (void)state;
    const struct sc_option *option, *other;
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        struct sc_settings plain, changed;
        uint64_t seed = 7;
        char value[256] = "";
        sc_settings_init(&plain);
        sc_settings_init(&changed);
        struct sc_str text = {0};
        while (!text.length) { /* a choice may be the default */
            make_value(option, &seed, value);
            must_set(&changed, option->name, value);
            option->get(&changed, &text);
        }
        sc_str_free(&text);
        assert_int_equal(sc_settings_hash(&plain) != sc_settings_hash(&changed), option->saved);
        for (size_t k = 0; (other = sc_option_at(k)); k++)
            if (other != option)
                assert_text(&changed, other->name, "");
        sc_settings_free(&changed);
    }
}

/* ---- the table itself ---- */

static void table_is_whole(void **state)
{
    (void)state;
    static const char *const promised[] = {
        "cluster",
        "devices",
        "mesh",
        "mode",
        "batch",
        "microbatches",
        "seq",
        "set",
        "memory",
        "precision",
        "remat",
        "solver",
        "time-limit",
        "gap",
        "pin",
        "plan",
        "out",
        "quiet",
        "json",
        "formulas",
        "uneven",
        "no-reduce-scatter",
        "no-shard-state",
        "no-compute",
        "max-axes",
        "schedule",
        "objective",
        "stages",
        "layers",
        "cut",
        "no-cut",
        "stage-mesh",
        "submeshes",
        "chunks",
        "method",
    };
    const struct sc_option *option;
    for (size_t i = 0; i < SC_LEN(promised); i++)
        assert_non_null(sc_option_find(promised[i]));
    size_t count = 0;
    for (; (option = sc_option_at(count)); count++) {
        assert_ptr_equal(sc_option_find(option->name), option); /* no name twice */
        assert_true(strlen(option->help) > 0 && strlen(option->help) < 80);
        assert_true(option->argument || (option->choices && !option->repeats));
    }
    assert_int_equal(count, SC_LEN(promised));
    assert_null(sc_option_at(count + 100));
    assert_null(sc_option_find(""));
}

/* Each choice of the table is accepted, and read back under its own name. */
static void choices_are_accepted(void **state)
{
    (void)state;
    const struct sc_option *option;
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        const char *word = option->choices;
        bool first = true;
        for (; word; first = false) {
            char value[64];
            struct sc_settings s;
            size_t length = strcspn(word, "|");
            sprintf(value, "%.*s", (int)length, word);
            sc_settings_init(&s);
            must_set(&s, option->name, value);
            struct sc_str text = {0};
            option->get(&s, &text);
            assert_true(strcmp(sc_str_text(&text), value) == 0 || text.length == 0);
            assert_true(text.length > 0 || first || strcmp(option->name, "max-axes") == 0);
            sc_str_free(&text);
            sc_settings_free(&s);
            word = word[length] ? word + length + 1 : NULL;
        }
    }
}

static void values_arrive(void **state)
{
    (void)state;
    struct sc_settings s;
    sc_settings_init(&s);
    assert_int_equal(s.max_axes, 2);
    must_set(&s, "devices", "8");
    must_set(&s, "mesh", "02x4");
    must_set(&s, "mode", "decode");
    must_set(&s, "seq", "4096");
    must_set(&s, "memory", "12.5");
    must_set(&s, "precision", "bf16");
    must_set(&s, "remat", "layer");
    must_set(&s, "solver", "brute");
    must_set(&s, "time-limit", "1.5");
    must_set(&s, "gap", "-0");
    must_set(&s, "formulas", "alpa-playground");
    must_set(&s, "uneven", "pad");
    must_set(&s, "no-compute", NULL);
    must_set(&s, "no-shard-state", "on");
    must_set(&s, "quiet", NULL);
    must_set(&s, "quiet", "off");
    assert_int_equal(s.devices, 8);
    assert_string_equal(s.mesh, "2x4");
    assert_int_equal(s.mode, SC_DECODE);
    assert_int_equal(s.sequence, 4096);
    assert_true(s.memory_gib == 12.5);
    assert_true(s.has_precision && s.precision == SC_DTYPE_BF16);
    assert_int_equal(s.remat, SC_REMAT_LAYER);
    assert_int_equal(s.solver, SC_SOLVER_BRUTE);
    assert_true(s.time_limit == 1.5 && s.gap == 0 && !signbit(s.gap));
    assert_string_equal(s.formulas, "alpa-playground");
    assert_int_equal(s.uneven, SC_UNEVEN_PAD);
    assert_true(s.no_compute && s.no_shard_state && !s.quiet && !s.json);
    must_set(&s, "mesh", "");
    assert_text(&s, "mesh", "");
    sc_settings_free(&s);
}

static void lists_keep_order(void **state)
{
    (void)state;
    struct sc_settings s;
    sc_settings_init(&s);
    must_set(&s, "set", "layers=4");
    must_set(&s, "set", "hidden=0064");
    must_set(&s, "set", "layers=-2"); /* in its place */
    assert_text(&s, "set", "layers=-2\nhidden=64");
    must_set(&s, "pin", "a*=b@x");
    must_set(&s, "pin", " a = f@y  b@x ");
    must_set(&s, "pin", "odd=name=b@x");
    assert_text(&s, "pin", "a*=b@x\na=f@y  b@x\nodd=name=b@x");
    sc_settings_free(&s);
    assert_int_equal(s.pins.count, 0);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    struct sc_settings s;
    struct sc_error err = {0};
    char pin[32];
    enum sc_status status = SC_OK;
    int accepted = -1;
    sc_settings_init(&s);
    for (; status == SC_OK; accepted++) {
        sprintf(pin, "op%d=b@x", accepted);
        status = sc_settings_set(&s, "pin", pin, &err);
    }
    assert_int_equal(status, SC_LIMIT);
    assert_int_equal(s.pins.count, accepted);
    assert_true(accepted >= 1000);
    assert_non_null(strstr(err.message, "--pin"));
    sc_settings_free(&s);
}

/* ---- what is refused, and in what words ---- */

static void bad_values_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"devices", "0", "from 1 to"},
        {"devices", "-3", "from 1 to"},
        {"devices", "8.5", "whole number"},
        {"devices", "", "whole number"},
        {"devices", "eight", "'eight'"},
        {"devices", "1048577", "1048576"},
        {"devices", "99999999999999999999", "whole number"},
        {"devices", " 8", "whole number"},
        {"devices", "8 ", "whole number"},
        {"devices", "0x8", "whole number"},
        {"devices", "+8", "whole number"},
        {"batch", "0", "from 1 to"},
        {"microbatches", "x", "whole"},
        {"seq", "-1", "from 1 to"},
        {"max-axes", "4", "from 1 to 3"},
        {"max-axes", "0", "from 1 to 3"},
        {"mesh", "2x", "like 8 or 2x4"},
        {"mesh", "x2", "2x4"},
        {"mesh", "2x4x2x2", "one to 3 axes"},
        {"mesh", "0x4", "2x4"},
        {"mesh", "2X4", "2x4"},
        {"mesh", "2 x 4", "2x4"},
        {"mesh", "-2x4", "2x4"},
        {"mesh", "99999x99999", "2x4"},
        {"mode", "trian", "train|prefill"},
        {"mode", "", "train|"},
        {"mode", "train|prefill", "one of"},
        {"mode", "Train", "one of"},
        {"precision", "int8", "bf16"},
        {"remat", "all", "none|layer|auto"},
        {"solver", "glpk", "exact|ilp"},
        {"formulas", "alpaca", "alpa"},
        {"formulas", "", "native"},
        {"uneven", "round", "refuse|pad"},
        {"memory", "0", "GiB"},
        {"memory", "-1", "GiB"},
        {"memory", "inf", "GiB"},
        {"memory", "nan", "GiB"},
        {"memory", "1e999", "GiB"},
        {"memory", "16G", "GiB"},
        {"memory", "0x10", "GiB"},
        {"memory", "1,5", "number"},
        {"time-limit", "0", "seconds"},
        {"time-limit", "-1", "seconds"},
        {"gap", "1.5", "from 0 to 1"},
        {"gap", "-0.1", "from 0 to 1"},
        {"set", "hidden", "NAME=VALUE"},
        {"set", "=4", "NAME=VALUE"},
        {"set", "hidden=", "whole number"},
        {"set", "hidden=4.5", "whole number"},
        {"set", "a b=4", "NAME=VALUE"},
        {"set", "4=4", "NAME=VALUE"},
        {"set", "a=b=4", "whole number"},
        {"pin", "fc1", "GLOB=STRATEGY"},
        {"pin", "=b@x", "GLOB=STRATEGY"},
        {"pin", "fc1=", "GLOB=STRATEGY"},
        {"pin", "fc1=  ", "GLOB=STRATEGY"},
        {"pin", "  =b@x", "GLOB=STRATEGY"},
        {"pin", "", "GLOB=STRATEGY"},
        {"no-compute", "yes", "off|on"},
        {"json", "1", "off|on"},
        {"out", "a\nb", "one line"},
        {"pin", "a=b\nc", "one line"},
    };
    for (size_t i = 0; i < SC_LEN(cases); i++) {
        struct sc_settings s, plain;
        struct sc_error err = {0};
        char option[40];
        sc_settings_init(&s);
        sc_settings_init(&plain);
        if (sc_settings_set(&s, cases[i].name, cases[i].value, &err) != SC_USAGE)
            fail_msg("--%s '%s' is accepted", cases[i].name, cases[i].value);
        sprintf(option, "--%s", cases[i].name);
        if (!strstr(err.message, option) || !strstr(err.message, cases[i].says))
            fail_msg("--%s '%s': %s", cases[i].name, cases[i].value, err.message);
        assert_int_equal(err.status, SC_USAGE);
        assert_equal(&s, &plain);
        sc_settings_free(&s);
    }
}

static void names_are_suggested(void **state)
{
    (void)state;
    struct sc_settings s;
    struct sc_error err = {0};
    sc_settings_init(&s);
    assert_int_equal(sc_settings_set(&s, "devics", "8", &err), SC_USAGE);
    assert_non_null(strstr(err.message, "did you mean --devices?"));
    assert_int_equal(sc_settings_set(&s, "wibble-wobble", "8", &err), SC_USAGE);
    assert_non_null(strstr(err.message, "--help"));
    assert_int_equal(sc_settings_set(&s, "", "8", &err), SC_USAGE);
    assert_int_equal(sc_settings_set(&s, "mesh", NULL, &err), SC_USAGE);
    assert_non_null(strstr(err.message, "--mesh RxC"));
    assert_int_equal(sc_settings_set(&s, "devices", "x", NULL), SC_USAGE); /* nobody wants to know */
}

static void settings_survive_lack_of_memory(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
    } steps[] = {{"cluster", "other"}, {"mesh", "4x2"},  {"set", "a=5"},      {"set", "c=5"},
                 {"pin", "x=f@y"},     {"out", "there"}, {"formulas", "alpa"}};
    faults_begin();
    for (size_t i = 0; i < SC_LEN(steps); i++)
        for (int n = 0;; n++) {
            struct sc_settings s, before, after;
            struct sc_error err = {0};
            sc_settings_init(&s);
            must_set(&s, "cluster", "here");
            must_set(&s, "set", "a=4");
            must_set(&s, "pin", "x=b@x");
            assert_true(sc_settings_copy(&before, &s));
            faults_after(n);
            enum sc_status status = sc_settings_set(&s, steps[i].name, steps[i].value, &err);
            bool copied = sc_settings_copy(&after, &s), hit = faults_hit();
            faults_after(-1);
            assert_true(status == SC_OK || (status == SC_NO_MEMORY && hit));
            if (status != SC_OK)
                assert_equal(&s, &before);
            if (copied) {
                assert_equal(&after, &s);
                sc_settings_free(&after);
            }
            sc_settings_free(&s);
            sc_settings_free(&before);
            if (!hit)
                break;
        }
    faults_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_whole),        cmocka_unit_test(choices_are_accepted),
        cmocka_unit_test(values_arrive),         cmocka_unit_test(lists_keep_order),
        cmocka_unit_test(lists_are_bounded),     cmocka_unit_test(bad_values_are_explained),
        cmocka_unit_test(names_are_suggested),   cmocka_unit_test(each_option_is_in_the_hash),
        cmocka_unit_test(random_values_survive), cmocka_unit_test(settings_survive_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
