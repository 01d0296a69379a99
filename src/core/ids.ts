// Branded ids: a hold number can't be passed where a session id is meant. Only their makers cast.

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

export type SessionId = Branded<string, 'SessionId'>;
export type ActionId = Branded<string, 'ActionId'>;
export type HoldId = Branded<string, 'HoldId'>;
export type GrantId = Branded<string, 'GrantId'>;
export type ShapeId = Branded<string, 'ShapeId'>;
export type AccessRequestId = Branded<string, 'AccessRequestId'>;
export type PersonName = Branded<string, 'PersonName'>;
export type TargetName = Branded<string, 'TargetName'>;
