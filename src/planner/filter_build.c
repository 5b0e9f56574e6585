/*
 * filter_build.c
 *	  Quals as questions to zones.
 *
 * What is not understood is left out of a conjunction, and makes a disjunction
 * useless.  All operators that are understood are strict, so that a comparand
 * that is NULL means that no row is meant.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "compat.h"
#include "planner/block_filter.h"
#include "planner/filter_node.h"
#include "profile/profile_type.h"
#include "pyro_ext.h"
#include "tableam/zone_format.h"

extern Datum pyro_matches(PG_FUNCTION_ARGS);
extern Datum profile_contains(PG_FUNCTION_ARGS);

typedef struct Build
{
	BlockFilter *filter;
	Index		varno;
	PlanState  *parent;
} Build;

static FilterNode *build_node(Build *build, Node *clause);

/* ---- parts of expressions ---- */

/* Without what changes a type or collation, but no value. */
static Node *
strip_relabel(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else
			return node;
	}
}

static bool
needs_row(Node *node, void *arg)
{
	Build	   *build = arg;

	if (node == NULL)
		return false;

	/* of columns of other relations a plan has parameters */
	if (IsA(node, Var))
		return build->parent != NULL || ((Var *) node)->varno == build->varno;
	if (IsA(node, CurrentOfExpr) || IsA(node, SubPlan) || IsA(node, AlternativeSubPlan))
		return true;
	return expression_tree_walker(node, needs_row, arg);
}

static bool
has_exec_param(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXEC;
	return expression_tree_walker(node, has_exec_param, arg);
}

/* An expression that has one value in a whole scan; otherwise NULL. */
static Comparand *
build_comparand(Build *build, Node *node)
{
	Comparand  *comparand;

	if (needs_row(node, build) || contain_volatile_functions(node))
		return NULL;
	comparand = palloc0(sizeof(Comparand));
	comparand->expr = (Expr *) node;
	get_typlenbyval(exprType(node), &comparand->typlen, &comparand->typbyval);
	if (build->parent != NULL)
		comparand->state = ExecInitExpr(comparand->expr, build->parent);
	if (has_exec_param(node, NULL))
		build->filter->is_rescanned = true;
	return comparand;
}

/* The column that a node is, as an index in the filter's; or NO_COLUMN. */
static int
build_column(Build *build, Node *node, Oid *base_type)
{
	BlockFilter *filter = build->filter;
	Var		   *var = (Var *) strip_relabel(node);
	Form_pg_attribute attribute;
	FilterColumn *column;

	if (!IsA(var, Var) || var->varno != build->varno || var->varlevelsup != 0 ||
		var->varattno <= 0 || var->varattno > RelationGetDescr(filter->relation)->natts)
		return NO_COLUMN;
	attribute = TupleDescAttr(RelationGetDescr(filter->relation), var->varattno - 1);
	if (attribute->attisdropped || attribute->atttypid != var->vartype ||
		(attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED))
		return NO_COLUMN;
	*base_type = getBaseType(attribute->atttypid);
	for (int i = 0; i < filter->ncolumns; i++)
		if (filter->columns[i].attnum == var->varattno)
			return i;
	if (filter->ncolumns == filter->max_columns)
	{
		filter->max_columns *= 2;
		filter->columns = repalloc(filter->columns, filter->max_columns * sizeof(FilterColumn));
	}
	column = &filter->columns[filter->ncolumns];
	memset(column, 0, sizeof(*column));
	column->attnum = var->varattno;
	column->type = attribute->atttypid;
	return filter->ncolumns++;
}

static FilterNode *
make_node(FilterKind kind, int column)
{
	FilterNode *node = palloc0(sizeof(FilterNode));

	node->kind = kind;
	node->column = column;
	node->service = node->name = NO_COLUMN;
	return node;
}

/* Is it this function of ours? */
static bool
is_our_function(Oid function, PGFunction ours)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	FmgrInfo	info;
	bool		is_c;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	is_c = form->prolang == ClanguageId;
	ReleaseSysCache(tuple);
	if (!is_c)
		return false;
	fmgr_info(function, &info);
	return info.fn_addr == ours;
}

/* ---- comparisons ---- */

/*
 * Does the order of the column's type go with that of another type, when the
 * two are compared?  A local time is not, since clocks are put back and skip.
 */
static bool
is_one_order(Oid left, Oid right)
{
	return !(left == TIMESTAMPOID && right == TIMESTAMPTZOID);
}

/*
 * Is the order of a type as it was when blocks were written?  The operators of
 * a type that users made may have become others.
 */
static bool
is_order_known(Oid type)
{
	ZoneKind	kind = zone_kind(type);

	return kind != ZONE_NONE && kind != ZONE_LABELS && kind != ZONE_FUNCTIONS &&
		(type < FirstGenbkiObjectId || type_is_enum(type));
}

/*
 * column op comparand, by an operator of the column's default order.
 */
static FilterNode *
build_compare(int column, Oid type, Oid op, Oid collation, ArrayUse use, Comparand *comparand)
{
	Oid			family = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY)->btree_opf;
	ZoneKind	kind = zone_kind(type);
	Oid			member = op;
	int			strategy;
	Oid			left,
				right,
				compare;
	FilterNode *node;

	if (!OidIsValid(family) || !is_order_known(type))
		return NULL;
	if (get_op_opfamily_strategy(op, family) == 0)
		member = get_negator(op);
	if (!OidIsValid(member) || get_op_opfamily_strategy(member, family) == 0 || !op_strict(member))
		return NULL;
	get_op_opfamily_properties(member, family, false, &strategy, &left, &right);
	if (member != op)
	{
		if (strategy != BTEqualStrategyNumber)
			return NULL;
		strategy = NOT_EQUAL_STRATEGY;
	}
	compare = get_opfamily_proc(family, left, right, BTORDER_PROC);
	if (!OidIsValid(compare) || !IsBinaryCoercible(type, left) || !is_one_order(left, right))
		return NULL;

	node = make_node(FILTER_COMPARE, column);
	node->comparand = comparand;
	node->strategy = strategy;
	node->use = use;
	node->of_texts = zone_kind_is_text(kind) &&
		(strategy == BTEqualStrategyNumber || strategy == NOT_EQUAL_STRATEGY);
	node->is_padded = kind == ZONE_PADDED;
	node->collation = collation;
	node->compare = palloc0(sizeof(FmgrInfo));
	fmgr_info(compare, node->compare);
	compare = get_opfamily_proc(family, right, right, BTORDER_PROC);
	if (OidIsValid(compare) && !zone_kind_is_text(kind) && is_one_order(right, left))
	{
		node->compare_values = palloc0(sizeof(FmgrInfo));
		fmgr_info(compare, node->compare_values);
	}
	return node;
}

/* ---- labels ---- */

/*
 * labels ->> key, or labels -> key.
 */
typedef struct LabelAccess
{
	int			column;
	Comparand  *key;
	bool		as_text;
} LabelAccess;

static bool
match_label_access(Build *build, Node *node, LabelAccess *access)
{
	List	   *args;
	Oid			function;
	Oid			type;

	node = strip_relabel(node);
	if (IsA(node, OpExpr))
	{
		function = get_opcode(((OpExpr *) node)->opno);
		args = ((OpExpr *) node)->args;
	}
	else if (IsA(node, FuncExpr))
	{
		function = ((FuncExpr *) node)->funcid;
		args = ((FuncExpr *) node)->args;
	}
	else
		return false;
	if (function != F_JSONB_OBJECT_FIELD_TEXT && function != F_JSONB_OBJECT_FIELD)
		return false;
	access->as_text = function == F_JSONB_OBJECT_FIELD_TEXT;
	access->column = build_column(build, linitial(args), &type);
	if (access->column == NO_COLUMN || type != JSONBOID)
		return false;
	access->key = build_comparand(build, lsecond(args));
	return access->key != NULL;
}

static FilterNode *
make_has_label(const LabelAccess *access)
{
	FilterNode *node = make_node(FILTER_HAS_LABEL, access->column);

	node->key = access->key;
	return node;
}

/*
 * A node is NULL if one of these is, as functions are strict: what it needs of
 * labels, that they are there.
 */
static FilterNode *
build_needed_label(Build *build, Node *node)
{
	LabelAccess access;
	List	   *args;
	ListCell   *cell;

	check_stack_depth();
	node = strip_relabel(node);
	if (match_label_access(build, node, &access))
		return make_has_label(&access);
	if (IsA(node, CoerceViaIO))
		args = list_make1(((CoerceViaIO *) node)->arg);
	else if (IsA(node, OpExpr) && op_strict(((OpExpr *) node)->opno))
		args = ((OpExpr *) node)->args;
	else if (IsA(node, FuncExpr) && func_strict(((FuncExpr *) node)->funcid) &&
			 !((FuncExpr *) node)->funcretset)
		args = ((FuncExpr *) node)->args;
	else
		return NULL;
	foreach(cell, args)
	{
		FilterNode *needed = build_needed_label(build, lfirst(cell));

		if (needed != NULL)
			return needed;
	}
	return NULL;
}

/*
 * What a clause needs to be true.  NULL op ANY (array) is not, but need not be
 * NULL either: of no elements it is false.
 */
static FilterNode *
build_label_for_truth(Build *build, Node *clause)
{
	if (IsA(clause, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) clause)->useOr &&
		op_strict(((ScalarArrayOpExpr *) clause)->opno))
		clause = linitial(((ScalarArrayOpExpr *) clause)->args);
	return build_needed_label(build, clause);
}

/* labels ->> key = value, and the like. */
static FilterNode *
build_label_compare(const LabelAccess *access, Oid op, Oid collation, ArrayUse use,
					Comparand *comparand)
{
	Oid			function = get_opcode(op);
	FilterNode *node;

	if (use == USE_ALL)
		return NULL;
	if (access->as_text && (function == F_TEXTEQ || function == F_TEXTEQNAME))
		node = make_node(FILTER_LABEL_TEXT, access->column);
	else if (!access->as_text && function == F_JSONB_EQ && use == USE_SCALAR)
		node = make_node(FILTER_LABEL_VALUE, access->column);
	else
		return make_has_label(access);
	node->key = access->key;
	node->comparand = comparand;
	node->use = use;
	node->strategy = BTEqualStrategyNumber;
	node->of_texts = node->kind == FILTER_LABEL_TEXT;
	node->collation = collation;
	return node;
}

/* labels op comparand */
static FilterNode *
build_labels(int column, Oid op, Comparand *comparand)
{
	FilterNode *node;

	switch (get_opcode(op))
	{
		case F_JSONB_CONTAINS:
		case F_JSONB_EQ:
			node = make_node(FILTER_CONTAINS_LABELS, column);
			break;
		case F_JSONB_EXISTS:
			node = make_node(FILTER_HAS_LABEL, column);
			node->key = comparand;
			return node;
		case F_JSONB_EXISTS_ANY:
			node = make_node(FILTER_HAS_ANY_LABEL, column);
			node->of_texts = true;
			break;
		case F_JSONB_EXISTS_ALL:
			node = make_node(FILTER_HAS_ALL_LABELS, column);
			node->of_texts = true;
			break;
		default:
			return NULL;
	}
	node->comparand = comparand;
	return node;
}

/* ---- kinds of clauses ---- */

/* left op right, where left is of columns and right of none. */
static FilterNode *
build_oriented(Build *build, Oid op, Oid collation, Node *left, Node *right, ArrayUse use)
{
	LabelAccess access;
	Comparand  *comparand;
	FilterNode *node;
	Oid			type;
	int			column;

	if (!OidIsValid(op) || !op_strict(op))
		return NULL;
	column = build_column(build, left, &type);
	if (column == NO_COLUMN && !match_label_access(build, left, &access))
		return NULL;
	comparand = build_comparand(build, right);
	if (comparand == NULL)
		return NULL;
	if (column == NO_COLUMN)
		return build_label_compare(&access, op, collation, use, comparand);
	if (type == JSONBOID)
		return use == USE_SCALAR ? build_labels(column, op, comparand) : NULL;
	if (profile_is_type(type))
	{
		if (use != USE_SCALAR || !is_our_function(get_opcode(op), profile_contains))
			return NULL;
		node = make_node(FILTER_HAS_FUNCTION, column);
		node->comparand = comparand;
		return node;
	}
	return build_compare(column, type, op, collation, use, comparand);
}

static FilterNode *
build_operator(Build *build, Oid op, Oid collation, List *args)
{
	FilterNode *node;

	if (list_length(args) != 2)
		return NULL;
	node = build_oriented(build, op, collation, linitial(args), lsecond(args), USE_SCALAR);
	if (node == NULL)
		node = build_oriented(build, get_commutator(op), collation, lsecond(args), linitial(args),
							  USE_SCALAR);
	return node;
}

/* IS [NOT] DISTINCT FROM: `op` is the equality. */
static FilterNode *
build_distinct(Build *build, const DistinctExpr *distinct, FilterKind kind)
{
	FilterNode *node = build_operator(build, distinct->opno, distinct->inputcollid, distinct->args);

	if (node == NULL || node->kind != FILTER_COMPARE || node->strategy != BTEqualStrategyNumber)
		return NULL;
	node->kind = kind;
	return node;
}

static FilterNode *
build_array_operator(Build *build, const ScalarArrayOpExpr *expr)
{
	return build_oriented(build, expr->opno, expr->inputcollid, linitial(expr->args),
						  lsecond(expr->args), expr->useOr ? USE_ANY : USE_ALL);
}

static FilterNode *
build_is_bool(Build *build, Node *arg, bool wanted)
{
	Oid			type;
	int			column = build_column(build, arg, &type);
	FilterNode *node;

	if (column == NO_COLUMN || type != BOOLOID)
		return NULL;
	node = make_node(FILTER_IS_BOOL, column);
	node->wanted = wanted;
	return node;
}

static FilterNode *
build_null_test(Build *build, Node *arg, bool is_null)
{
	Oid			type;
	int			column = build_column(build, arg, &type);

	if (column != NO_COLUMN)
		return make_node(is_null ? FILTER_IS_NULL : FILTER_IS_NOT_NULL, column);
	return is_null ? NULL : build_needed_label(build, arg);
}

static FilterNode *
make_or(FilterNode *a, FilterNode *b)
{
	FilterNode *node;

	if (a == NULL || b == NULL)
		return NULL;
	node = make_node(FILTER_OR, NO_COLUMN);
	node->children = list_make2(a, b);
	return node;
}

static FilterNode *
build_boolean_test(Build *build, const BooleanTest *test)
{
	Node	   *arg = (Node *) test->arg;

	switch (test->booltesttype)
	{
		case IS_TRUE:
			return build_node(build, arg);
		case IS_FALSE:
			return build_is_bool(build, arg, false);
		case IS_NOT_TRUE:
			return make_or(build_is_bool(build, arg, false), build_null_test(build, arg, true));
		case IS_NOT_FALSE:
			return make_or(build_node(build, arg), build_null_test(build, arg, true));
		case IS_UNKNOWN:
			return build_null_test(build, arg, true);
		case IS_NOT_UNKNOWN:
			return build_null_test(build, arg, false);
	}
	return NULL;
}

static FilterNode *
build_list(Build *build, List *args, FilterKind kind)
{
	FilterNode *node = make_node(kind, NO_COLUMN);
	ListCell   *cell;

	foreach(cell, args)
	{
		FilterNode *child = build_node(build, lfirst(cell));

		if (child != NULL)
			node->children = lappend(node->children, child);
		else if (kind == FILTER_OR)
			return NULL;
	}
	return node->children == NIL ? NULL : node;
}

static FilterNode *
build_not(Build *build, Node *arg)
{
	if (IsA(arg, DistinctExpr))
		return build_distinct(build, (DistinctExpr *) arg, FILTER_NOT_DISTINCT);
	return build_is_bool(build, arg, false);
}

/* Without columns: true or not in all rows. */
static FilterNode *
build_condition(Build *build, Node *clause)
{
	Comparand  *comparand;
	FilterNode *node;

	if (exprType(clause) != BOOLOID)
		return NULL;
	comparand = build_comparand(build, clause);
	if (comparand == NULL)
		return NULL;
	node = make_node(FILTER_CONDITION, NO_COLUMN);
	node->comparand = comparand;
	return node;
}

static int
build_text_column(Build *build, Node *arg)
{
	Oid			type;
	int			column = build_column(build, arg, &type);

	return column != NO_COLUMN && (type == TEXTOID || type == VARCHAROID) ? column : NO_COLUMN;
}

static FilterNode *
build_selector(Build *build, const FuncExpr *call)
{
	FilterNode *node;
	Oid			type;

	if (list_length(call->args) != 4 || !is_our_function(call->funcid, pyro_matches))
		return NULL;
	node = make_node(FILTER_SELECTOR, build_column(build, lthird(call->args), &type));
	if (node->column != NO_COLUMN && type != JSONBOID)
		node->column = NO_COLUMN;
	node->service = build_text_column(build, linitial(call->args));
	node->name = build_text_column(build, lsecond(call->args));
	node->comparand = build_comparand(build, lfourth(call->args));
	if (node->comparand == NULL ||
		(node->column == NO_COLUMN && node->service == NO_COLUMN && node->name == NO_COLUMN))
		return NULL;
	return node;
}

/* What is left of a clause where nothing else is known. */
static FilterNode *
build_by_kind(Build *build, Node *clause)
{
	if (IsA(clause, OpExpr))
		return build_operator(build, ((OpExpr *) clause)->opno, ((OpExpr *) clause)->inputcollid,
							  ((OpExpr *) clause)->args);
	if (IsA(clause, ScalarArrayOpExpr))
		return build_array_operator(build, (ScalarArrayOpExpr *) clause);
	if (IsA(clause, DistinctExpr))
		return build_distinct(build, (DistinctExpr *) clause, FILTER_DISTINCT);
	if (IsA(clause, FuncExpr))
		return build_selector(build, (FuncExpr *) clause);
	if (IsA(clause, Var))
		return build_is_bool(build, clause, true);
	return NULL;
}

static FilterNode *
build_node(Build *build, Node *clause)
{
	FilterNode *node;

	check_stack_depth();
	clause = strip_relabel(clause);
	node = build_condition(build, clause);
	if (node != NULL)
		return node;
	if (is_andclause(clause))
		return build_list(build, ((BoolExpr *) clause)->args, FILTER_AND);
	if (is_orclause(clause))
		return build_list(build, ((BoolExpr *) clause)->args, FILTER_OR);
	if (is_notclause(clause))
		return build_not(build, (Node *) get_notclausearg(clause));
	if (IsA(clause, NullTest))
		return ((NullTest *) clause)->argisrow ? NULL :
			build_null_test(build, (Node *) ((NullTest *) clause)->arg,
							((NullTest *) clause)->nulltesttype == IS_NULL);
	if (IsA(clause, BooleanTest))
		return build_boolean_test(build, (BooleanTest *) clause);
	node = build_by_kind(build, clause);
	if (node == NULL)
		node = build_label_for_truth(build, clause);
	return node;
}

/* Does a question look at any zone? */
static bool
asks_zones(const FilterNode *node)
{
	ListCell   *cell;

	if (node->kind == FILTER_AND || node->kind == FILTER_OR)
	{
		foreach(cell, node->children)
			if (asks_zones(lfirst(cell)))
			return true;
		return false;
	}
	return node->kind != FILTER_CONDITION;
}

FilterNode *
filter_build(BlockFilter *filter, Index varno, Node *clause, PlanState *parent)
{
	Build		build = {filter, varno, parent};
	FilterNode *node = build_node(&build, clause);

	return node != NULL && asks_zones(node) ? node : NULL;
}
