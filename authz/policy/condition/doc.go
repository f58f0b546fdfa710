// Package condition is the language of the conditions in policy rows: a typed subset of
// Casbin's expressions, such as
//
//	r.obj.owner == r.sub.id && (r.obj.status in ('draft', 'sent') || r.env.mfa)
//	containsAny(r.obj.readers, r.sub.roles) && (!(has(r.obj, 'ends')) || r.env.time < r.obj.ends)
//
// For most uses package policy is enough: it reads attributes.csv and policy.csv and evaluates
// the conditions of rules. This package is for tools that look into conditions. A [Schema]
// says which attributes there are, a [Compiler] compiles and types texts, and what it makes of
// one is an [Expr]: a tree to walk, to evaluate with [Eval], and to turn with [Reduce] into a
// [Form], which has no negation.
//
// The logic is Kleene's, as in SQL: see [Eval]. Casbin reads the same files once it is given
// [Functions].
//
// The package knows no request. It asks a [Lookup] for the attributes.
package condition
