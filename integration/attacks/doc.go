// Package attacks tries to read and write the rows of another tenant, on any stack.
//
// One tenant attacks, in each of the [Cases], by SQL that was injected or by what a service calls
// when it forgets the tenant. Every row of others holds a canary that is searched in everything
// that comes back, errors too; and the owner of the tables looks at the rows of others before and
// after:
//
//	attacks.Run(t, fixture, stack)
//
// A new stack implements [Stack], with a [Store] when it has models of its own. [Live] holds the
// cases against a stack without walls: there an attack must do its harm, or it proves nothing.
package attacks
