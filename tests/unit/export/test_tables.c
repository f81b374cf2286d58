/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tables and layouts, read back: rows and sums of CSV are the plan's; the specs of JAX and PyTorch say what the plan's
 * own do; a report has what it should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plans.h"
#include "support/files.h"
#include "support/near.h"

/* ---- CSV ---- */

enum {
    NAME,
    KIND,
    ROLE,
    LAYER,
    LAYER_NAME,
    STAGE,
    STRATEGY,
    INPUTS,
    OUTPUTS,
    PINNED,
    COMPUTE,
    COLLECTIVE,
    RESHARDING,
    TERM,
    TOTAL,
    MEMORY,
    COLUMNS = 22
};

/* Fields of the record at *at (RFC 4180), which moves behind it; false at the end. */
static bool read_record(const char **at, char fields[COLUMNS][256])
{
    if (!**at)
        return false;
    for (int i = 0; i < COLUMNS; i++) {
        size_t n = 0;
        bool quoted = **at == '"';
        *at += quoted;
        for (; quoted ? **at != '"' || (*at)[1] == '"' : **at != ',' && **at != '\n'; (*at)++) {
            assert_true(**at && n < 255);
            *at += quoted && **at == '"';
            fields[i][n++] = **at;
        }
        *at += quoted;
        fields[i][n] = '\0';
        assert_int_equal(**at, i < COLUMNS - 1 ? ',' : '\n');
        (*at)++;
    }
    return true;
}

static double value(const char *field)
{
    double number;
    if (!sc_parse_double(field, &number))
        fail_msg("'%s' is no number", field);
    return number;
}

static void check_csv(const struct sc_plan *plan)
{
    struct sc_str text = plan_text(plan, "csv");
    const char *at = sc_str_text(&text);
    static char fields[COLUMNS][256];
    double *sum = calloc((size_t)plan->stage_count, sizeof *sum);
    int own = 0, pinned = 0;
    assert_true(read_record(&at, fields));
    assert_string_equal(fields[MEMORY], "memory_bytes");
    while (read_record(&at, fields)) {
        int op = sc_graph_find_op(plan->graph, fields[NAME]), stage = (int)value(fields[STAGE]);
        char strategy[96];
        assert_near(value(fields[COMPUTE]) + value(fields[COLLECTIVE]) + value(fields[RESHARDING]) +
                        value(fields[TERM]),
                    value(fields[TOTAL]));
        sum[stage] += value(fields[TOTAL]);
        if (strcmp(fields[ROLE], "op") != 0)
            continue;
        assert_int_equal(op, own++);
        assert_string_equal(fields[KIND], plan->graph->ops[op].kind->name);
        assert_int_equal(stage, sc_plan_stage_of_op(plan, op));
        sc_plan_op_strategy(plan, op, strategy, sizeof strategy);
        assert_string_equal(fields[STRATEGY], strategy);
        pinned += strcmp(fields[PINNED], "yes") == 0;
    }
    assert_int_equal(own, plan->graph->op_count);
    assert_int_equal(pinned, plan->pin_count ? 6 : 0);
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan_stage *s = &plan->stages[i];
        const struct sc_transfer *t = &s->transfer;
        double moving = t->in_forward_s + t->in_backward_s + t->out_forward_s + t->out_backward_s;
        assert_within(sum[i], plan->costs->options.microbatches * (s->microbatch_s - moving) + s->once_s, 1e-6);
    }
    free(sum);
    sc_str_free(&text);
}

static void csv_adds_up(void **state)
{
    (void)state;
    struct sc_plan *plans[] = {plan_gpt(), plan_t5(), plan_mlp()};
    for (size_t i = 0; i < SC_LEN(plans); i++) {
        check_csv(plans[i]);
        sc_plan_free(plans[i]);
    }
}

/* ---- JAX and PyTorch ---- */

/* From a spec in Alpa's letters, without the code that the writers use: "S01R" is P(("x", "y"), None). */
static void spell_jax(const char *alpa, char *out)
{
    bool first = true;
    out += sprintf(out, "P(");
    for (const char *at = alpa; *at == 'S' || *at == 'R'; first = false) {
        size_t digits = strspn(++at, "012");
        out += sprintf(out, "%s", first ? "" : ", ");
        if (digits == 0)
            out += sprintf(out, "None");
        if (digits == 1)
            out += sprintf(out, "\"%c\"", "xyz"[at[0] - '0']);
        for (size_t i = 0; digits > 1 && i < digits; i++)
            out += sprintf(out, "%s\"%c\"%s", i ? ", " : "(", "xyz"[at[i] - '0'], i == digits - 1 ? ")" : "");
        at += digits;
    }
    sprintf(out, ")");
}

static void spell_dtensor(const char *alpa, int axes, char *out)
{
    out += sprintf(out, "[");
    for (int a = 0; a < axes; a++) {
        int dim = -1, found = -1;
        for (const char *at = alpa; *at; at++) {
            dim += *at == 'S' || *at == 'R';
            if (*at == "012"[a])
                found = dim;
        }
        out += sprintf(out, "%s", a ? ", " : "");
        out += found < 0 ? sprintf(out, "Replicate()") : sprintf(out, "Shard(%d)", found);
    }
    sprintf(out, "]");
}

/* The part of the text that is of a stage, ended by a NUL; restored by `heal`. */
static char *stage_of(char *text, int stage, char **end, char *saved)
{
    for (int i = 0; i <= stage; i++) {
        text = strstr(text, "\n    {\n");
        assert_non_null(text);
        text++;
    }
    *end = strstr(text, "\n    },\n");
    assert_non_null(*end);
    *saved = **end;
    **end = '\0';
    return text;
}

static int times(const char *text, const char *what)
{
    int count = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        count++;
    return count;
}

/* Each result of each op stands there with its spec, once among what the stage has. */
static void check_layouts(const struct sc_plan *plan, const char *format)
{
    struct sc_str text = plan_text(plan, format);
    bool jax = strcmp(format, "jax") == 0;
    char alpa[64], spec[128], line[512], *end, saved;
    for (int op = 0; op < plan->graph->op_count; op++) {
        const struct sc_plan *stage = sc_plan_of_op(plan, op);
        const struct sc_op *o = &plan->graph->ops[op];
        int node = stage->costs->op_node[op];
        char *part = stage_of(text.data, sc_plan_stage_of_op(plan, op), &end, &saved);
        for (int k = 0; k < o->result_count; k++) {
            const struct sc_tensor *t = &plan->graph->tensors[o->results[k]];
            sc_spec_format(stage->costs->nodes[node].set->at[stage->choice[node]].result[k], t->rank, alpa,
                           sizeof alpa);
            if (jax)
                spell_jax(alpa, spec);
            else
                spell_dtensor(alpa, stage->costs->mesh.axes.count, spec);
            snprintf(line, sizeof line, "            \"%s\": %s,\n", t->name, spec);
            if (times(part, line) < 1)
                fail_msg("%s: there is no %s", format, line);
        }
        *end = saved;
    }
    assert_int_equal(times(sc_str_text(&text), "\"parameters\": {"), plan->stage_count);
    sc_str_free(&text);
}

static void layouts_are_the_plans(void **state)
{
    (void)state;
    struct sc_plan *plans[] = {plan_gpt(), plan_t5(), plan_mlp()};
    for (size_t i = 0; i < SC_LEN(plans); i++) {
        check_layouts(plans[i], "jax");
        check_layouts(plans[i], "dtensor");
        sc_plan_free(plans[i]);
    }
}

/* What a stage receives and has from an earlier one stands there too. */
static void layouts_of_what_is_received(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_t5();
    struct sc_str text = plan_text(plan, "jax");
    int readers = 0;
    for (int i = 0; i < plan->stage_count; i++) {
        char *end, saved, *part = stage_of(text.data, i, &end, &saved);
        char *received = strstr(part, "\"received\": {"), *activations = strstr(part, "\"activations\": {");
        assert_true(received && activations && received < activations);
        *activations = '\0';
        readers += strstr(received, "\"bridge.memory\": P(") != NULL;
        *activations = '"';
        *end = saved;
    }
    assert_true(readers >= 2); /* what the encoder makes is read by the decoder's stages */
    sc_str_free(&text);
    sc_plan_free(plan);
}

/* ZeRO: state and gradients sharded further than their parameters, on dimensions that they divide. */
static void layouts_of_optimizer_state(void **state)
{
    (void)state;
    struct sc_plan *plan =
        plan_make("mlp-2", (const char *const[]){"mesh 4", "devices 4", "pin layer.0.fc.w=+grad@x",
                                                 "pin layer.1.fc.w=+opt@x", "pin layer.*.fc=b@x", NULL});
    struct sc_str jax = plan_text(plan, "jax"), torch = plan_text(plan, "dtensor");
    const char *at = strstr(sc_str_text(&jax), "\"optimizer_state\": {\n"),
               *gradients = strstr(at, "\"gradients\": {\n");
    assert_true(at && gradients);
    assert_int_equal(times(gradients, "\"layer.0.fc.w\": P(\"x\", None),"), 1);
    assert_int_equal(times(gradients, "\"layer.1.fc.w\": P(\"x\", None),"), 0);
    assert_int_equal(times(at, "\"layer.0.fc.w\": P(\"x\", None),"), 2);
    assert_int_equal(times(at, "\"layer.1.fc.w\": P(\"x\", None),"), 1);
    assert_int_equal(times(sc_str_text(&jax), "\"layer.0.fc.w\": P(None, None),"), 1);
    assert_int_equal(times(sc_str_text(&torch), "\"layer.0.fc.w\": [Shard(0)],"), 2);
    sc_str_free(&jax);
    sc_str_free(&torch);
    sc_plan_free(plan);
}

/* Where there is a Python, it runs the text, with stand-ins for the libraries that are as strict about specs. */
static const char python[] =
    "import sys, types\n"
    "class P(tuple):\n"
    "    def __new__(cls, *parts):\n"
    "        names = [n for p in parts if p for n in (p if isinstance(p, tuple) else (p,))]\n"
    "        assert len(names) == len(set(names)) and set(names) <= set('xyz')\n"
    "        return super().__new__(cls, parts)\n"
    "class Shard:\n"
    "    def __init__(self, dim): assert isinstance(dim, int) and dim >= 0\n"
    "class Any:\n"
    "    def __init__(self, *a, **k): pass\n"
    "for name in ('jax', 'jax.sharding', 'numpy', 'torch', 'torch.distributed', 'torch.distributed.tensor',\n"
    "             'torch.distributed.device_mesh'):\n"
    "    sys.modules[name] = types.ModuleType(name)\n"
    "for name in ('Mesh', 'NamedSharding'): setattr(sys.modules['jax.sharding'], name, Any)\n"
    "sys.modules['jax.sharding'].PartitionSpec = P\n"
    "sys.modules['torch.distributed.tensor'].Shard = Shard\n"
    "sys.modules['torch.distributed.tensor'].Replicate = Any\n"
    "sys.modules['torch.distributed.device_mesh'].DeviceMesh = Any\n"
    "space = {}\n"
    "exec(open(sys.argv[1], encoding='utf-8').read(), space)\n"
    "kinds = ('parameters', 'optimizer_state', 'gradients', 'inputs', 'caches', 'received', 'activations', 'relaid')\n"
    "for s in space['STAGES']:\n"
    "    size = 1\n"
    "    for n in s['mesh'].values(): size *= n\n"
    "    assert size == len(s['devices']) and s['layers'] and s['activations']\n"
    "    for kind in kinds: assert all(isinstance(v, (P, list)) for v in s[kind].values())\n"
    "    for v in s['operands'].values(): assert all(isinstance(k, int) for k in v)\n"
    "assert isinstance(space['MODEL'], str) and space['MICROBATCHES'] >= 1\n";

static void python_runs_them(void **state)
{
    (void)state;
    if (system("python3 -c pass >/dev/null 2>&1") != 0)
        skip();
    struct sc_plan *plan = plan_gpt();
    char script[512], command[2048];
    snprintf(script, sizeof script, "%s", files_write("check.py", python, sizeof python - 1));
    for (int i = 0; i < 2; i++) {
        struct sc_str text = plan_text(plan, i ? "jax" : "dtensor");
        snprintf(command, sizeof command, "python3 -B '%s' '%s'", script,
                 files_write("plan.py", sc_str_text(&text), text.length));
        assert_int_equal(system(command), 0);
        sc_str_free(&text);
    }
    sc_plan_free(plan);
}

/* ---- a report ---- */

static void report_has_its_parts(void **state)
{
    (void)state;
    struct sc_plan *plan = plan_gpt();
    struct sc_str text = plan_text(plan, "markdown");
    const char *at = sc_str_text(&text);
    static const char *const wanted[] = {"# Plan of `gpt-125m` on `p3.16xlarge`\n",
                                         "proven optimal",
                                         "## Settings\n",
                                         "| set | `layers=6` |\n",
                                         "## What an iteration is spent on\n",
                                         "| compute | ",
                                         "## Stages\n",
                                         "| 0 | `embed`",
                                         "| 1 x 4 | 2x2 |",
                                         "## The costliest ops\n",
                                         "| `head.logits` | matmul |",
                                         "## Pins\n",
                                         "| `layer.*.mlp.fc1` | `b@x f@y` | obeyed |"};
    for (size_t i = 0; i < SC_LEN(wanted); i++)
        if (!strstr(at, wanted[i]))
            fail_msg("there is no '%s' in:\n%s", wanted[i], at);
    /* Rows of the costliest ops, and cells of every row of a table. */
    int cells = 0, rows = 0;
    for (const char *line = strstr(at, "\n## "); line && line[1]; line = strchr(line + 1, '\n')) {
        int bars = 0;
        for (const char *c = line + 1; *c && *c != '\n'; c++)
            bars += *c == '|';
        assert_true(bars == 0 || cells == 0 || bars == cells);
        cells = bars;
        rows += bars == 8;
    }
    assert_int_equal(rows, 2 + 10);
    sc_str_free(&text);
    sc_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_adds_up),
        cmocka_unit_test(layouts_are_the_plans),
        cmocka_unit_test(layouts_of_what_is_received),
        cmocka_unit_test(layouts_of_optimizer_state),
        cmocka_unit_test(python_runs_them),
        cmocka_unit_test(report_has_its_parts),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
