// The node types that the walker may meet inside a query. A type that isn't here is not understood: a new major version of
// the parser adds constructs, and nobody has looked at those yet.

/** Expressions and clauses without a judgement of their own: their children are walked. */
export const plainTypes: ReadonlySet<string> = new Set(
  `A_ArrayExpr A_Const A_Indices A_Star Alias BitString BoolExpr Boolean BooleanTest CTECycleClause CTESearchClause CaseWhen CoalesceExpr
  CollateClause CurrentOfExpr DefElem Float GroupingFunc GroupingSet IndexElem InferClause Integer JsonAggConstructor JsonArgument
  JsonArrayAgg JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat JsonFuncExpr JsonIsPredicate JsonKeyValue
  JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning JsonScalarExpr JsonSerializeExpr JsonTable JsonTableColumn
  JsonTablePathSpec JsonValueExpr List MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr NullTest OnConflictClause ParamRef
  RangeSubselect RangeTableFunc RangeTableFuncCol ResTarget ReturningClause ReturningOption RowExpr
  SQLValueFunction SetToDefault String TypeCast WindowDef XmlExpr XmlSerialize RangeFunction IntoClause`.split(/\s+/),
);

/** The type of a field that the grammar knows, so that the tree leaves it unwrapped. */
export const fieldTypes: Readonly<Record<string, string>> = {
  relation: 'RangeVar',
  rel: 'RangeVar',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  typeName: 'TypeName',
  withClause: 'WithClause',
  onConflictClause: 'OnConflictClause',
  infer: 'InferClause',
  intoClause: 'IntoClause',
  into: 'IntoClause',
  returningClause: 'ReturningClause',
  over: 'WindowDef',
  alias: 'Alias',
  join_using_alias: 'Alias',
  search_clause: 'CTESearchClause',
  cycle_clause: 'CTECycleClause',
  output: 'JsonOutput',
  returning: 'JsonReturning',
  format: 'JsonFormat',
  constructor: 'JsonAggConstructor',
  arg: 'JsonKeyValue',
  expr: 'JsonValueExpr',
  val: 'JsonValueExpr',
  context_item: 'JsonValueExpr',
  value: 'JsonValueExpr',
  on_empty: 'JsonBehavior',
  on_error: 'JsonBehavior',
  pathspec: 'JsonTablePathSpec',
};
