import { Int, Text, Time } from './fields.ts';

export class ConditionModel {
  @Text('What the condition is about.', { keepsEmpty: true }) readonly type?: string;
  @Text('Whether it holds.', { values: ['True', 'False', 'Unknown'], keepsEmpty: true }) readonly status?: string;
  @Text('Why, as one word.', { keepsEmpty: true }) readonly reason?: string;
  @Text('Why, for people.', { keepsEmpty: true }) readonly message?: string;
  @Time('When the status last changed.') readonly lastTransitionTime?: string;
  @Int('Generation that it was observed at.', { min: 0, max: Number.MAX_SAFE_INTEGER }) readonly observedGeneration?: number;
}
