/** Rules of a label selector in an object (resources 1.3). */
import { labelsErrors } from '../decide/metadata.ts';
import { forbidden, invalid, required } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { labelValueProblems, qualifiedNameProblems } from '../values/names.ts';
import type { LabelSelectorModel, LabelSelectorRequirement } from './label-selector.model.ts';

export function labelSelectorErrors(selector: LabelSelectorModel, path: string, errors: FieldError[]): void {
  if (selector.matchLabels !== undefined) errors.push(...labelsErrors(selector.matchLabels, `${path}.matchLabels`));
  selector.matchExpressions?.forEach((requirement, i) => {
    requirementErrors(requirement, `${path}.matchExpressions[${i}]`, errors);
  });
}

function requirementErrors({ key = '', operator, values = [] }: LabelSelectorRequirement, path: string, errors: FieldError[]): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    default:
      errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  }
  for (const problem of qualifiedNameProblems(key)) errors.push(invalid(`${path}.key`, key, problem));
  values.forEach((value, j) => {
    for (const problem of labelValueProblems(value)) errors.push(invalid(`${path}.values[${j}]`, value, problem));
  });
}
